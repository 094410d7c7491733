"""Bridges of the host's kernel, made and removed through netlink (rtnetlink(7)).

The functions raise OSError, and have to be called from a thread without an event loop.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from socket import AF_INET, AF_INET6, if_nameindex, if_nametoindex
from typing import Any, Final

_CENTISECONDS: Final = 100
_FORWARDING: Final = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}


@dataclass(frozen=True, slots=True)
class Route:
    to: IPv4Network | IPv6Network
    gateway: str
    metric: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    address: IPv4Address | IPv6Address
    mac: str


@contextmanager
def _netlink() -> Iterator[Any]:
    # Its import costs as much as all of the daemon's start, and few daemons have networks.
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    logging.getLogger("pyroute2.netlink").setLevel(logging.WARNING)
    try:
        with IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from error


def exists(name: str) -> bool:
    return any(name == other for _, other in if_nameindex())


def create(
    name: str,
    *,
    mac: str | None,
    mtu: int | None,
    stp: bool,
    delay: int,
    addresses: Sequence[IPv4Interface | IPv6Interface],
    routes: Sequence[Route],
) -> None:
    """A bridge that is up; `delay` in seconds. What failed half way is removed."""
    options: dict[str, object] = {}
    if mac is not None:
        options["address"] = mac
    if mtu is not None:
        options["mtu"] = mtu
    with _netlink() as netlink:
        # With the protocol off, because with it the kernel takes no delay below two seconds.
        netlink.link("add", ifname=name, kind="bridge", br_forward_delay=delay * _CENTISECONDS, **options)
    try:
        with _netlink() as netlink:
            index = if_nametoindex(name)
            if stp:
                netlink.link("set", index=index, kind="bridge", br_stp_state=1)
            for address in addresses:
                more = {} if address.version == 6 else {"broadcast": str(address.network.broadcast_address)}
                prefix = address.network.prefixlen
                netlink.addr("add", index=index, address=str(address.ip), prefixlen=prefix, **more)
            netlink.link("set", index=index, state="up")
            for route in routes:
                metric = {} if route.metric is None else {"priority": route.metric}
                netlink.route("add", dst=str(route.to), gateway=route.gateway, oif=index, **metric)
    except BaseException:
        delete(name)
        raise


def delete(name: str) -> None:
    """Nothing happens when it is gone already."""
    try:
        index = if_nametoindex(name)
        with _netlink() as netlink:
            netlink.link("del", index=index)
    except OSError as error:
        if error.errno not in (errno.ENODEV, errno.ENXIO) and exists(name):
            raise


def user_of(subnet: IPv4Network | IPv6Network) -> str | None:
    """The host's interface that reaches a part of this subnet already, by whatever but a default route."""
    family = AF_INET if subnet.version == 4 else AF_INET6
    with _netlink() as netlink:
        names = dict(if_nameindex())
        for route in netlink.get_routes(family=family):
            to, out = route.get_attr("RTA_DST"), names.get(route.get_attr("RTA_OIF") or 0)
            if to is None or out is None or out == "lo" or not route["dst_len"]:
                continue
            other = ip_network(f"{to}/{route['dst_len']}", strict=False)
            if not other.is_link_local and not other.is_multicast and other.overlaps(subnet):
                return out
    return None


def forward_packets(version: int) -> None:
    """Let the host be a router for IPv4 or IPv6."""
    path = Path(_FORWARDING[version])
    if path.read_text().strip() == "0":
        path.write_text("1\n")


def neighbours() -> list[Neighbour]:
    """Whom the host has talked to: the ARP and NDP tables."""
    found = []
    with _netlink() as netlink:
        for entry in netlink.get_neighbours():
            address, mac = entry.get_attr("NDA_DST"), entry.get_attr("NDA_LLADDR")
            if address and mac:
                found.append(Neighbour(ip_address(address), mac.lower()))
    return found
