"""What a network's values must mean together, beyond what each may be on its own."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.network.model import AddressRange, DhcpRange, Ip, Network, Route, Subnet


def findings(network: Network) -> list[Finding]:
    """Everything that is wrong, part by part."""
    checks = (_name, _forward, _addresses, _routes, _dns)
    return [finding for check in checks for finding in check(network)]


def _name(network: Network) -> Iterator[Finding]:
    if network.name.startswith("."):
        yield _wrong(f"name {network.name} cannot start with '.'", "/network/name")


def _forward(network: Network) -> Iterator[Finding]:
    forward, path = network.forward, "/network/forward"
    if forward is None:
        return
    if forward.mode == "bridge":
        if network.bridge is None or network.bridge.name is None:
            yield _unsupported(
                f"bridge forwarding requested, but no bridge name provided for network '{network.name}'",
                path,
            )
        given = {
            "mac": network.mac,
            "mtu": network.mtu,
            "domain": network.domain,
            "dns": network.dns,
            "ip": network.ips,
            "route": network.routes,
        }
        for name, value in given.items():
            if value:
                yield _unsupported(
                    f"unsupported <{name}> element in network {network.name} with forward mode='bridge'",
                    f"/network/{name}",
                )
    elif forward.mode in ("nat", "route") and not network.ips:
        yield _wrong(
            f"{forward.mode} forwarding requested, but no IP address provided for network '{network.name}'",
            path,
        )
    if forward.mode == "open" and forward.device:
        yield _wrong(
            f"forward dev not allowed for network '{network.name}' with forward mode='open'", f"{path}/@dev"
        )
    if forward.mode != "nat" and (forward.nat_addresses or forward.nat_ports or forward.nat_ipv6 is not None):
        yield _wrong(f"<nat> needs forward mode='nat' in network '{network.name}'", f"{path}/nat")
    yield from _nat(network)


def _nat(network: Network) -> Iterator[Finding]:
    forward, path = network.forward, "/network/forward/nat"
    if forward is None:
        return
    if len(forward.nat_addresses) > 1:
        yield _wrong("only one <address> element is allowed in <nat>", f"{path}/address")
    if len(forward.nat_ports) > 1:
        yield _wrong("only one <port> element is allowed in <nat>", f"{path}/port")
    for addresses in forward.nat_addresses:
        problem = _disorder(addresses)
        if problem or addresses.start.version != 4:
            yield _wrong(problem or "the addresses of <nat> have to be IPv4 addresses", f"{path}/address")
    for ports in forward.nat_ports:
        if ports.start > ports.end:
            yield _wrong(f"ports {ports.start} to {ports.end} are in the wrong order", f"{path}/port")


def _addresses(network: Network) -> Iterator[Finding]:
    with_dhcp: set[int] = set()
    for index, ip in enumerate(network.ips):
        path = f"/network/ip[{index + 1}]" if index else "/network/ip"
        problem = _subnet_problem(ip)
        if problem:
            yield _wrong(problem, path)
            continue
        if ip.dhcp is not None:
            if ip.address.version in with_dhcp:
                yield _unsupported(
                    f"Multiple IPv{ip.address.version} dhcp sections found -- dhcp is supported only for a "
                    f"single IPv{ip.address.version} address on each network",
                    f"{path}/dhcp",
                )
            with_dhcp.add(ip.address.version)
        if ip.tftp is not None and ip.address.version != 4:
            yield _unsupported("tftp needs an IPv4 address", f"{path}/tftp")
        yield from _dhcp(ip, path)


def _subnet_problem(place: Ip | Route) -> str | None:
    what = "ip" if isinstance(place, Ip) else "route"
    if place.family is not None and place.family != f"ipv{place.address.version}":
        return f"{what} address '{place.address}' is not of family '{place.family}'"
    if place.netmask is not None and place.prefix is not None:
        return f"{what} address '{place.address}' has both a netmask and a prefix"
    if place.netmask is not None and place.address.version == 6:
        return f"{what} address '{place.address}' needs a prefix instead of a netmask"
    try:
        _ = place.subnet
    except ValueError as error:
        return f"{what} address '{place.address}': {error}"
    return None


def _dhcp(ip: Ip, path: str) -> Iterator[Finding]:
    if ip.dhcp is None:
        return
    for dhcp_range in ip.dhcp.ranges:
        problem = range_problem(dhcp_range, ip.subnet)
        if problem:
            yield _wrong(problem, f"{path}/dhcp/range")
    for host in ip.dhcp.hosts:
        here = f"{path}/dhcp/host"
        if host.ip is None:
            yield _wrong(f"no IP address in a <host> of network address '{ip.address}'", here)
        elif host.ip.version != ip.address.version or host.ip not in ip.subnet:
            yield _wrong(f"host address '{host.ip}' is not in the network {ip.subnet}", here)
        if host.mac is None and host.name is None and host.id is None:
            yield _wrong("a <host> needs a mac, an id or a name", here)
        if host.mac is not None and ip.address.version == 6:
            yield _wrong("a <host> of IPv6 is known by its id or name, not by its mac", here)
        if host.id is not None and ip.address.version == 4:
            yield _wrong("a <host> of IPv4 is known by its mac or name, not by its id", here)


def _disorder(addresses: AddressRange | DhcpRange) -> str | None:
    start, end = addresses.start, addresses.end
    if start.version != end.version or int(start) > int(end):
        return f"range {start} - {end}: end address is not after the start address"
    return None


def range_problem(addresses: DhcpRange, subnet: Subnet) -> str | None:
    """Why these addresses cannot be given out in the subnet; None when they can."""
    start, end = addresses.start, addresses.end
    problem = _disorder(addresses)
    if problem:
        return problem
    if start.version != subnet.version or not (start in subnet and end in subnet):
        return f"range {start} - {end} is not entirely within network {subnet}"
    if isinstance(subnet, IPv4Network) and subnet.prefixlen < 31:
        if start == subnet.network_address:
            return f"start of range {start} - {end} in network {subnet} is the network address"
        if end == subnet.broadcast_address:
            return f"end of range {start} - {end} in network {subnet} is the broadcast address"
    return None


def _routes(network: Network) -> Iterator[Finding]:
    for route in network.routes:
        problem = _subnet_problem(route)
        if problem is None and route.address != route.subnet.network_address:
            problem = f"route address '{route.address}' is not the address of a network"
        if problem is None and not _reachable(route.gateway, network):
            problem = f"the route gateway '{route.gateway}' is in no network of '{network.name}'"
        if problem:
            yield _wrong(problem, "/network/route")


def _reachable(gateway: IPv4Address | IPv6Address, network: Network) -> bool:
    return any(
        gateway.version == ip.address.version and gateway in ip.subnet
        for ip in network.ips
        if _subnet_problem(ip) is None
    )


def _dns(network: Network) -> Iterator[Finding]:
    if network.dns is None:
        return
    for forwarder in network.dns.forwarders:
        if forwarder.address is None and forwarder.domain is None:
            yield _wrong("a <forwarder> needs an addr or a domain", "/network/dns/forwarder")
    for host in network.dns.hosts:
        if not host.hostnames:
            yield _wrong(f"missing hostname in network '{network.name}' DNS HOST record", "/network/dns/host")
    for srv in network.dns.srvs:
        if srv.target is None and (srv.port, srv.priority, srv.weight) != (None, None, None):
            yield _wrong("port, priority and weight of a <srv> need a target", "/network/dns/srv")


def _wrong(message: str, path: str) -> Finding:
    return Finding(ErrorKind.XML_ERROR, message, path)


def _unsupported(message: str, path: str) -> Finding:
    return Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
