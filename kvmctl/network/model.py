# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatnetwork: a virtual network of this host."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from uuid import UUID

from kvmctl.domain.binding import always, many, one, value, verbatim
from kvmctl.domain.codecs import (
    INTERFACE_NAME,
    MAC_ADDRESS,
    ON_OFF,
    UINT,
    UUID_TEXT,
    YES_NO,
    Unsigned,
    choice,
)
from kvmctl.network.codecs import (
    ADDRESS,
    BOOT_FILE,
    CLIENT_ID,
    DNS_NAME,
    DNS_TEXT,
    DNS_WORD,
    NETWORK_NAME,
    NUMBER16,
    PLAIN_PATH,
    PORT,
    PREFIX,
    SERVER,
    Address,
)

Subnet = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    start: IPv4Address | IPv6Address = value("@start", ADDRESS)
    end: IPv4Address | IPv6Address = value("@end", ADDRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    start: int = value("@start", PORT)
    end: int = value("@end", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardInterface:
    dev: str = value("@dev", INTERFACE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """formatnetwork, "Connectivity"; a network without one is isolated."""

    mode: str = value("@mode", choice("nat", "route", "open", "bridge"), default="nat")
    dev: str | None = value("@dev", INTERFACE_NAME, default=None)
    nat_ipv6: bool | None = value("nat/@ipv6", YES_NO, default=None)
    nat_addresses: tuple[AddressRange, ...] = many("nat/address", AddressRange)
    nat_ports: tuple[PortRange, ...] = many("nat/port", PortRange)
    interfaces: tuple[ForwardInterface, ...] = many("interface", ForwardInterface)

    @property
    def device(self) -> str | None:
        """The host's interface that traffic has to leave by."""
        return self.interfaces[0].dev if self.interfaces else self.dev


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    name: str | None = value("@name", INTERFACE_NAME, default=None)
    stp: bool | None = value("@stp", ON_OFF, default=None)
    delay: int | None = value("@delay", Unsigned(30), default=None)
    """Seconds to wait before frames are forwarded to a new port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsForwarder:
    address: Address | None = value("@addr", ADDRESS, default=None)
    domain: str | None = value("@domain", DNS_NAME, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsTxt:
    name: str = value("@name", DNS_NAME)
    value: str = value("@value", DNS_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostname:
    name: str = value(".", DNS_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsHost:
    ip: Address = value("@ip", ADDRESS)
    hostnames: tuple[Hostname, ...] = many("hostname", Hostname)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSrv:
    service: str = value("@service", DNS_WORD)
    protocol: str = value("@protocol", DNS_WORD)
    domain: str | None = value("@domain", DNS_NAME, default=None)
    target: str | None = value("@target", DNS_NAME, default=None)
    port: int | None = value("@port", PORT, default=None)
    priority: int | None = value("@priority", NUMBER16, default=None)
    weight: int | None = value("@weight", NUMBER16, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """formatnetwork, "Addressing": the name server for the network's guests."""

    enable: bool | None = value("@enable", YES_NO, default=None)
    forward_plain_names: bool | None = value("@forwardPlainNames", YES_NO, default=None)
    forwarders: tuple[DnsForwarder, ...] = many("forwarder", DnsForwarder)
    txts: tuple[DnsTxt, ...] = many("txt", DnsTxt)
    hosts: tuple[DnsHost, ...] = many("host", DnsHost)
    srvs: tuple[DnsSrv, ...] = many("srv", DnsSrv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    expiry: int = value("@expiry", UINT)
    """0: for ever."""
    unit: str = value("@unit", choice("seconds", "minutes", "hours"), default="minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpRange:
    start: Address = value("@start", ADDRESS)
    end: Address = value("@end", ADDRESS)
    lease: Lease | None = one("lease", Lease, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpHost:
    """A guest that always gets that address, known by its card, its client identifier or its name."""

    mac: str | None = value("@mac", MAC_ADDRESS, default=None)
    id: str | None = value("@id", CLIENT_ID, default=None)
    name: str | None = value("@name", DNS_NAME, default=None)
    ip: Address | None = value("@ip", ADDRESS, default=None)
    lease: Lease | None = one("lease", Lease, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dhcp:
    ranges: tuple[DhcpRange, ...] = many("range", DhcpRange)
    hosts: tuple[DhcpHost, ...] = many("host", DhcpHost)
    boot_file: str | None = value("bootp/@file", BOOT_FILE, default=None)
    boot_server: str | None = value("bootp/@server", SERVER, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip:
    """An address of the bridge, and the subnet that the guests are in."""

    family: str | None = value("@family", choice("ipv4", "ipv6"), default=None)
    address: Address = value("@address", ADDRESS)
    netmask: Address | None = value("@netmask", ADDRESS, default=None)
    prefix: int | None = value("@prefix", PREFIX, default=None)
    local_ptr: bool | None = value("@localPtr", YES_NO, default=None)
    tftp: str | None = value("tftp/@root", PLAIN_PATH, default=None)
    dhcp: Dhcp | None = one("dhcp", Dhcp, default=None)

    @property
    def subnet(self) -> Subnet:
        """Raises ValueError for a mask or prefix that is none for the address."""
        return subnet(self.address, self.netmask, self.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A subnet that is reached through a guest."""

    family: str | None = value("@family", choice("ipv4", "ipv6"), default=None)
    address: Address = value("@address", ADDRESS)
    netmask: Address | None = value("@netmask", ADDRESS, default=None)
    prefix: int | None = value("@prefix", PREFIX, default=None)
    gateway: Address = value("@gateway", ADDRESS)
    metric: int | None = value("@metric", Unsigned(2**32 - 1, 1), default=None)

    @property
    def subnet(self) -> Subnet:
        return subnet(self.address, self.netmask, self.prefix)


def subnet(address: Address, netmask: Address | None, prefix: int | None) -> Subnet:
    """Without either, the class of the address (RFC 791), or 64 bits of an IPv6 one."""
    if netmask is not None:
        return ip_network(f"{address}/{netmask}", strict=False)
    if prefix is not None:
        return ip_network(f"{address}/{prefix}", strict=False)
    if isinstance(address, IPv6Address):
        return ip_network(f"{address}/64", strict=False)
    first = address.packed[0]
    return ip_network(f"{address}/{8 if first < 128 else 16 if first < 192 else 24}", strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    connections: int | None = value("@connections", UINT, default=None, live=always)
    """Interfaces of running guests that are on it."""
    name: str = value("name", NETWORK_NAME)
    uuid: UUID | None = value("uuid", UUID_TEXT, default=None)
    metadata: str | None = verbatim("metadata")
    forward: Forward | None = one("forward", Forward, default=None)
    bridge: Bridge | None = one("bridge", Bridge, default=None)
    mtu: int | None = value("mtu/@size", Unsigned(65535, 68), default=None)
    mac: str | None = value("mac/@address", MAC_ADDRESS, default=None)
    domain: str | None = value("domain/@name", DNS_NAME, default=None)
    domain_local: bool | None = value("domain/@localOnly", YES_NO, default=None)
    dns: Dns | None = one("dns", Dns, default=None)
    ips: tuple[Ip, ...] = many("ip", Ip)
    routes: tuple[Route, ...] = many("route", Route)

    @property
    def mode(self) -> str | None:
        """How it is connected: nat, route, open or bridge; None for an isolated one."""
        return self.forward.mode if self.forward is not None else None

    @property
    def owns_bridge(self) -> bool:
        """Whether the bridge comes and goes with the network."""
        return self.mode != "bridge"

    @property
    def bridge_name(self) -> str:
        """Raises ValueError for a network that has none yet."""
        if self.bridge is None or self.bridge.name is None:
            raise ValueError(f"network '{self.name}' has no bridge")
        return self.bridge.name
