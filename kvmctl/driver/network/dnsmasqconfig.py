"""What dnsmasq is told of a network (dnsmasq(8), "OPTIONS")."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from kvmctl.driver.network.files import NetworkFiles
from kvmctl.network import Dhcp, DhcpHost, DhcpRange, Dns, Ip, Network
from kvmctl.network.model import Lease

_MOST_LEASES: Final = 65535
_UNITS: Final = {"seconds": "s", "minutes": "m", "hours": "h"}


def is_wanted(network: Network) -> bool:
    """Whether there is anything for it to do."""
    if not network.owns_bridge or not network.ips:
        return False
    dns_off = network.dns is not None and network.dns.enable is False
    return not dns_off or any(ip.dhcp is not None or ip.tftp is not None for ip in network.ips)


def configuration(network: Network, files: NetworkFiles) -> str:
    """The file: nothing of dnsmasq's own defaults, and nothing of the host's, but for its name servers."""
    lines = [
        "# Written anew whenever the network starts or changes: use virsh net-edit instead.",
        "strict-order",
        "no-hosts",
        f"pid-file={_quoted(files.dnsmasq_pid(network.name))}",
        "except-interface=lo",
        "bind-dynamic",
        f"interface={network.bridge_name}",
        *_dns(network),
        *_names(network),
        *_dhcp(network, files),
    ]
    return "\n".join(lines) + "\n"


def _dns(network: Network) -> Iterator[str]:
    dns = network.dns or Dns()
    if dns.enable is False:
        yield "port=0"
        return
    if network.forward is None:
        # A guest without a way out has nobody to ask.
        yield "no-resolv"
    elif any(forwarder.domain is None for forwarder in dns.forwarders):
        yield "no-resolv"
    for forwarder in dns.forwarders:
        domain = f"/{forwarder.domain}/" if forwarder.domain else ""
        yield f"server={domain}{forwarder.address or '#'}"
    if dns.forward_plain_names is False:
        yield "domain-needed"
        yield "local=//"
    for txt in dns.txts:
        yield f"txt-record={txt.name},{_quoted(txt.value)}"
    for host in dns.hosts:
        yield f"host-record={','.join(each.name for each in host.hostnames)},{host.ip}"
    for srv in dns.srvs:
        name = f"_{srv.service}._{srv.protocol}" + (f".{srv.domain}" if srv.domain else "")
        if srv.target is None:
            yield f"srv-host={name}"
        else:
            yield f"srv-host={name},{srv.target},{srv.port or 1},{srv.priority or 0},{srv.weight or 0}"
    for ip in network.ips:
        if ip.local_ptr and (zone := _reverse_zone(ip)):
            yield f"local=/{zone}/"


def _quoted(text: str | Path) -> str:
    """Whatever characters it has."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _reverse_zone(ip: Ip) -> str | None:
    """The zone of the subnet, where it is one."""
    subnet = ip.subnet
    step = 8 if isinstance(subnet, IPv4Network) else 4
    if subnet.prefixlen % step:
        return None
    labels = subnet.network_address.reverse_pointer.split(".")
    return ".".join(labels[(subnet.max_prefixlen - subnet.prefixlen) // step :])


def _names(network: Network) -> Iterator[str]:
    if network.domain:
        if network.domain_local:
            yield f"local=/{network.domain}/"
        yield f"domain={network.domain}"
        yield "expand-hosts"


def _dhcp(network: Network, files: NetworkFiles) -> Iterator[str]:
    served = [ip for ip in network.ips if ip.dhcp is not None]
    for ip in served:
        if ip.dhcp is not None:
            yield from _addresses(ip.subnet, ip.dhcp)
    if served:
        yield "dhcp-no-override"
        yield "dhcp-authoritative"
        yield f"dhcp-lease-max={_MOST_LEASES}"
        yield f"dhcp-leasefile={_quoted(files.lease_file(network.name))}"
        if network.forward is None:
            yield "dhcp-option=3"  # no router
        if network.mtu is not None:
            yield f"dhcp-option=option:mtu,{network.mtu}"
    if any(ip.address.version == 6 for ip in network.ips):
        yield "enable-ra"
        for ip in network.ips:
            if ip.address.version == 6 and ip.dhcp is None:
                yield f"dhcp-range={ip.subnet.network_address},ra-only"
    for ip in network.ips:
        if ip.tftp is not None:
            yield "enable-tftp"
            yield f"tftp-root={_quoted(ip.tftp)}"


def _addresses(subnet: IPv4Network | IPv6Network, dhcp: Dhcp) -> Iterator[str]:
    mask = str(subnet.netmask) if isinstance(subnet, IPv4Network) else str(subnet.prefixlen)
    for given in dhcp.ranges:
        yield f"dhcp-range={given.start},{given.end},{mask}{_lease(given)}"
    if not dhcp.ranges and dhcp.hosts:
        yield f"dhcp-range={subnet.network_address},static"
    for host in dhcp.hosts:
        yield _host(host)
    if dhcp.boot_file is not None:
        yield f"dhcp-boot={dhcp.boot_file}" + (f",,{dhcp.boot_server}" if dhcp.boot_server else "")


def _host(host: DhcpHost) -> str:
    address = f"[{host.ip}]" if host.ip is not None and host.ip.version == 6 else host.ip
    known_by = host.mac or (f"id:{host.id}" if host.id else None)
    parts = [part for part in (known_by, host.name, address) if part is not None]
    return f"dhcp-host={','.join(map(str, parts))}{_lease(host)}"


def _lease(owner: DhcpRange | DhcpHost) -> str:
    lease: Lease | None = owner.lease
    if lease is None:
        return ""
    return ",infinite" if lease.expiry == 0 else f",{max(lease.expiry, 1)}{_UNITS[lease.unit]}"
