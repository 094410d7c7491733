# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Userspace connection using passt": the guest's addresses, and the ports that lead to it."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from kvmctl.domain.binding import many, value
from kvmctl.domain.codecs import INTERFACE_NAME, IP_ADDRESS, YES_NO, Unsigned, choice

_PORT = Unsigned(65535, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAddress:
    """An address that the guest gets, instead of one of the host's."""

    address: IPv4Address | IPv6Address = value("@address", IP_ADDRESS)
    family: str | None = value("@family", choice("ipv4", "ipv6"), default=None)
    prefix: int | None = value("@prefix", Unsigned(128), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRange:
    """Ports of the host, and from which port of the guest on they lead there; or ports that do not."""

    start: int = value("@start", _PORT)
    end: int | None = value("@end", _PORT, default=None)
    to: int | None = value("@to", _PORT, default=None)
    exclude: bool | None = value("@exclude", YES_NO, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForward:
    """Ports of one protocol, of one of the host's addresses or of all; all ports without a range."""

    proto: str = value("@proto", choice("tcp", "udp"))
    address: IPv4Address | IPv6Address | None = value("@address", IP_ADDRESS, default=None)
    dev: str | None = value("@dev", INTERFACE_NAME, default=None)
    ranges: tuple[ForwardRange, ...] = many("range", ForwardRange)
