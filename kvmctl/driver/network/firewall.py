"""What of a network's traffic passes the host, as one nftables table a network (nft(8))."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Final
from uuid import UUID

from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.network import Forward, Network

PROGRAM: Final = "nft"
_FAMILIES: Final = {4: "ip", 6: "ip6"}


def is_wanted(network: Network) -> bool:
    """Not for somebody else's bridge, and not for mode='open'."""
    return network.mode in (None, "nat", "route")


def table_of(uuid: UUID) -> str:
    return f"kvmctl_{uuid.hex}"


def rules(network: Network, table: str) -> str:
    """One transaction, which replaces what there was."""
    lines = [
        f"add table inet {table}",
        f"delete table inet {table}",
        f"table inet {table} {{",
        "  chain forward {",
        "    type filter hook forward priority filter; policy accept;",
        *(f"    {rule}" for rule in _forward(network)),
        "  }",
    ]
    masquerade = list(_masquerade(network))
    if masquerade:
        lines += [
            "  chain postrouting {",
            "    type nat hook postrouting priority srcnat; policy accept;",
            *(f"    {rule}" for rule in masquerade),
            "  }",
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _subnets(network: Network) -> Iterator[tuple[str, IPv4Network | IPv6Network]]:
    for ip in network.ips:
        yield _FAMILIES[ip.address.version], ip.subnet
    for route in network.routes:
        yield _FAMILIES[route.address.version], route.subnet


def _forward(network: Network) -> Iterator[str]:
    bridge, forward = network.bridge_name, network.forward
    yield f'iifname "{bridge}" oifname "{bridge}" accept'
    if forward is not None:
        outside_in = f' iifname "{forward.device}"' if forward.device else ""
        outside_out = f' oifname "{forward.device}"' if forward.device else ""
        for family, subnet in _subnets(network):
            answers = " ct state established,related" if _translates(forward, subnet) else ""
            yield f'{outside_in} oifname "{bridge}" {family} daddr {subnet}{answers} accept'.strip()
            yield f'iifname "{bridge}"{outside_out} {family} saddr {subnet} accept'
    yield f'oifname "{bridge}" reject'
    yield f'iifname "{bridge}" reject'


def _translates(forward: Forward, subnet: IPv4Network | IPv6Network) -> bool:
    return forward.mode == "nat" and (subnet.version == 4 or bool(forward.nat_ipv6))


def _masquerade(network: Network) -> Iterator[str]:
    forward = network.forward
    if forward is None:
        return
    outside = f' oifname "{forward.device}"' if forward.device else ""
    for family, subnet in _subnets(network):
        if not _translates(forward, subnet):
            continue
        local = "{ 224.0.0.0/24, 255.255.255.255 }" if subnet.version == 4 else "ff02::/16"
        yield f"{family} saddr {subnet} {family} daddr {local} return"
        which = f"{family} saddr {subnet} {family} daddr != {subnet}{outside}"
        # Ports below 1024 stay the host's, as its services' clients expect of each other.
        ports = (
            f"{forward.nat_ports[0].start}-{forward.nat_ports[0].end}" if forward.nat_ports else "1024-65535"
        )
        to = "masquerade to "
        if forward.nat_addresses and subnet.version == 4:
            first, last = forward.nat_addresses[0].start, forward.nat_addresses[0].end
            to = f"snat ip to {first}" if first == last else f"snat ip to {first}-{last}"
        yield f"{which} meta l4proto {{ tcp, udp }} {to}:{ports}"
        yield f"{which} {to.removesuffix(' to ')}"


def apply(network: Network, uuid: UUID) -> None:
    """Raises VirError."""
    _nft(rules(network, table_of(uuid)), f"cannot set the firewall rules of network '{network.name}'")


def remove(network: Network, uuid: UUID) -> None:
    """Nothing happens when there are none."""
    table = table_of(uuid)
    text = f"add table inet {table}\ndelete table inet {table}\n"
    _nft(text, f"cannot remove the firewall rules of network '{network.name}'")


def _nft(text: str, action: str) -> None:
    try:
        done = subprocess.run([PROGRAM, "-f", "-"], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        message = f"{action}: {PROGRAM} is not installed (nftables)"
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, message) from error
    except OSError as error:
        raise system_failure(error, action) from error
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
        raise failure(ErrorCode.INTERNAL_ERROR, f"{action}: {reason}")
