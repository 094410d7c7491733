"""virNetworkUpdate: one element of a network, added, changed or taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from kvmctl.driver.errors import failure
from kvmctl.driver.network.constants import UpdateCommand, UpdateSection
from kvmctl.driver.rpc import ErrorCode
from kvmctl.network import Dhcp, DhcpHost, DhcpRange, Dns, DnsHost, DnsSrv, DnsTxt, Ip, Network
from kvmctl.network.document import check, parse_part
from kvmctl.network.model import ForwardInterface


@dataclass(frozen=True, slots=True)
class _Section:
    """Elements of one kind, and when one of them means the same as another."""

    element: str
    cls: type[Any]
    what: str
    field: str
    same: Callable[[Any, Any], bool]
    changeable: bool = False


def _same_host(one: DhcpHost, other: DhcpHost) -> bool:
    """Any of what it is known by, in libvirt's order."""
    for name in ("mac", "id", "name", "ip"):
        value = getattr(other, name)
        if value is not None:
            mine = getattr(one, name)
            return bool(str(mine).lower() == str(value).lower())
    return False


def _same_names(one: DnsHost, other: DnsHost) -> bool:
    return one.ip == other.ip or bool({*one.hostnames} & {*other.hostnames})


def _equal_range(one: DhcpRange, other: DhcpRange) -> bool:
    return (one.start, one.end) == (other.start, other.end)


_SECTIONS: Final = {
    UpdateSection.IP_DHCP_HOST: _Section("host", DhcpHost, "dhcp host", "hosts", _same_host, True),
    UpdateSection.IP_DHCP_RANGE: _Section("range", DhcpRange, "dhcp range", "ranges", _equal_range),
    UpdateSection.FORWARD_INTERFACE: _Section(
        "interface", ForwardInterface, "forward interface", "interfaces", lambda a, b: a == b
    ),
    UpdateSection.DNS_HOST: _Section("host", DnsHost, "DNS HOST", "hosts", _same_names),
    UpdateSection.DNS_TXT: _Section("txt", DnsTxt, "DNS TXT", "txts", lambda a, b: a.name == b.name),
    UpdateSection.DNS_SRV: _Section("srv", DnsSrv, "DNS SRV", "srvs", lambda a, b: a == b),
}


def updated(network: Network, command: int, number: int, parent: int, text: str) -> Network:
    """The network with the change. Raises VirError, and DomainError for an element that is none."""
    section = _SECTIONS.get(number)  # type: ignore[call-overload]
    if section is None:
        names = {each.value: each.name.lower().replace("_", "-") for each in UpdateSection}
        raise failure(
            ErrorCode.OPERATION_UNSUPPORTED,
            f"can't update '{names.get(number, number)}' section of network '{network.name}'",
        )
    if command not in tuple(UpdateCommand):
        raise failure(ErrorCode.NO_SUPPORT, f"unrecognized network update command code {command}")
    part = parse_part(text, section.cls, section.element)

    def change(owner: Any) -> Any:
        items = _changed(network, section, UpdateCommand(command), getattr(owner, section.field), part)
        return replace(owner, **{section.field: items})

    match section.cls:
        case cls if cls in (DhcpHost, DhcpRange):
            result = _in_dhcp(network, parent, part, change)
        case cls if cls is ForwardInterface:
            if network.forward is None:
                raise failure(
                    ErrorCode.OPERATION_INVALID,
                    f"cannot change the forward interfaces of the isolated network '{network.name}'",
                )
            result = replace(network, forward=change(network.forward))
        case _:
            result = replace(network, dns=change(network.dns or Dns()))
    check(result)
    return result


def _in_dhcp(
    network: Network, parent: int, part: DhcpHost | DhcpRange, change: Callable[[Dhcp], Dhcp]
) -> Network:
    index = _parent(network, parent, part)
    ip = network.ips[index]
    dhcp = change(ip.dhcp or Dhcp())
    ips = (*network.ips[:index], replace(ip, dhcp=dhcp), *network.ips[index + 1 :])
    return replace(network, ips=ips)


def _parent(network: Network, parent: int, part: DhcpHost | DhcpRange) -> int:
    """Which <ip>: the one that is named, or that with the element's subnet, or the first with DHCP."""
    if parent >= 0:
        if parent >= len(network.ips):
            raise failure(
                ErrorCode.OPERATION_INVALID,
                f"couldn't update dhcp section of network '{network.name}' - there are only "
                f"{len(network.ips)} <ip> elements",
            )
        return parent
    address = part.ip if isinstance(part, DhcpHost) else part.start

    def fits(ip: Ip) -> bool:
        if address is None:
            return ip.dhcp is not None
        return address.version == ip.address.version and address in ip.subnet

    for index, ip in enumerate(network.ips):
        if fits(ip):
            return index
    raise failure(
        ErrorCode.OPERATION_INVALID,
        f"couldn't update dhcp section of network '{network.name}' - no matching <ip> element found",
    )


def _changed(
    network: Network, section: _Section, command: UpdateCommand, items: tuple[Any, ...], part: Any
) -> tuple[Any, ...]:
    found = [index for index, item in enumerate(items) if section.same(item, part)]
    match command:
        case UpdateCommand.ADD_FIRST | UpdateCommand.ADD_LAST:
            if found or (isinstance(part, DhcpHost) and any(_collide(item, part) for item in items)):
                raise failure(
                    ErrorCode.OPERATION_INVALID,
                    f"there is already at least one {section.what} record with a matching field in network "
                    f"{network.name}",
                )
            return (part, *items) if command is UpdateCommand.ADD_FIRST else (*items, part)
        case UpdateCommand.MODIFY if not section.changeable:
            raise failure(
                ErrorCode.OPERATION_UNSUPPORTED,
                f"{section.what} records cannot be modified, only added or deleted",
            )
    if not found:
        raise failure(
            ErrorCode.OPERATION_INVALID,
            f"couldn't locate a matching {section.what} record in network {network.name}",
        )
    if len(found) > 1:
        raise failure(
            ErrorCode.OPERATION_INVALID,
            f"multiple matching {section.what} records were found in network {network.name}",
        )
    before, after = items[: found[0]], items[found[0] + 1 :]
    return (*before, part, *after) if command is UpdateCommand.MODIFY else (*before, *after)


def _collide(one: DhcpHost, other: DhcpHost) -> bool:
    """Two entries that dnsmasq could not tell apart."""
    pairs = ((one.mac, other.mac), (one.id, other.id), (one.name, other.name), (one.ip, other.ip))
    return any(mine is not None and str(mine).lower() == str(theirs).lower() for mine, theirs in pairs)
