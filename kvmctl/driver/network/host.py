"""A network on the host: its bridge, its firewall rules and its dnsmasq, made and taken away together."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from ipaddress import ip_interface
from uuid import UUID

from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.network import dnsmasq, dnsmasqconfig, firewall
from kvmctl.driver.network.files import NetworkFiles
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.host import bridge
from kvmctl.network import Network

log = logging.getLogger(__name__)


def check_free(network: Network) -> None:
    """Raises VirError when the bridge that is to be made is there already."""
    if network.owns_bridge and bridge.exists(network.bridge_name):
        error = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        raise system_failure(error, f"cannot create bridge '{network.bridge_name}'")


def bring_up(network: Network, uuid: UUID, files: NetworkFiles) -> ProcessIdentity | None:
    """All of it; its dnsmasq, if it has one. Raises VirError, and then nothing is left."""
    if not network.owns_bridge:
        return None
    _make_bridge(network)
    try:
        return serve(network, uuid, files)
    except BaseException:
        take_down(network, uuid, files)
        raise


def serve(
    network: Network, uuid: UUID, files: NetworkFiles, running: ProcessIdentity | None = None
) -> ProcessIdentity | None:
    """What a bridge that is there needs; also anew, after a change. Raises VirError."""
    if not network.owns_bridge:
        return None
    open_ways(network, uuid)
    if running is not None:
        dnsmasq.stop(running)
    return dnsmasq.start(network, files) if dnsmasqconfig.is_wanted(network) else None


def open_ways(network: Network, uuid: UUID) -> None:
    """What lets traffic through the host, and what keeps it out. Raises VirError."""
    if not network.owns_bridge:
        return
    if network.forward is not None:
        try:
            for version in sorted({ip.address.version for ip in network.ips}):
                bridge.forward_packets(version)
        except OSError as error:
            raise system_failure(error, "cannot enable IP forwarding") from error
    if firewall.is_wanted(network):
        firewall.apply(network, uuid)


def take_down(network: Network, uuid: UUID, files: NetworkFiles) -> None:
    """Whatever there is of it. What cannot be removed is named in the log."""
    if not network.owns_bridge:
        return
    identity = dnsmasq.running(network.name, files)
    if identity is not None:
        dnsmasq.stop(identity)
    if firewall.is_wanted(network):
        with _logged(network):
            firewall.remove(network, uuid)
    with _logged(network):
        try:
            bridge.delete(network.bridge_name)
        except OSError as error:
            raise system_failure(error, f"cannot remove bridge '{network.bridge_name}'") from error


@contextlib.contextmanager
def _logged(network: Network) -> Iterator[None]:
    try:
        yield
    except VirError as error:
        log.error("network %s: %s", network.name, error)


def _make_bridge(network: Network) -> None:
    name, settings = network.bridge_name, network.bridge
    try:
        for ip in network.ips:
            user = bridge.user_of(ip.subnet)
            if user is not None:
                raise failure(ErrorCode.INTERNAL_ERROR, f"Network is already in use by interface {user}")
        bridge.create(
            name,
            mac=network.mac,
            mtu=network.mtu,
            stp=settings is None or settings.stp is not False,
            delay=(settings.delay if settings is not None else None) or 0,
            addresses=[ip_interface(f"{ip.address}/{ip.subnet.prefixlen}") for ip in network.ips],
            routes=[bridge.Route(r.subnet, str(r.gateway), r.metric) for r in network.routes],
        )
    except OSError as error:
        raise system_failure(error, f"cannot create bridge '{name}'") from error
