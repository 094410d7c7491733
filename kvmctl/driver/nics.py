"""A domain's network cards by the names that clients use, and what has passed through them."""

from dataclasses import dataclass
from pathlib import Path

from kvmctl.domain import Domain, Interface
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode


def find_interface(definition: Domain, name: str) -> Interface:
    """By the host's device or by MAC address."""
    for interface in definition.devices.interfaces:
        if name == interface.target or (interface.mac or "").lower() == name.lower():
            return interface
    raise failure(ErrorCode.INVALID_ARG, f"'{name}' is not a known interface")


@dataclass(frozen=True, slots=True)
class InterfaceTraffic:
    """As the guest sees it, since its device was made."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


def traffic(interface: Interface) -> InterfaceTraffic | None:
    """None for a card that is no device of the host. The host receives what the guest sends."""
    if interface.target is None:
        return None
    directory = Path("/sys/class/net") / interface.target / "statistics"
    try:
        counts = [
            int((directory / f"{way}_{what}").read_text())
            for way in ("tx", "rx")
            for what in ("bytes", "packets", "errors", "dropped")
        ]
    except (OSError, ValueError):
        return None
    return InterfaceTraffic(*counts)
