"""virDomainInterfaceAddresses: what a guest's cards can be reached by, from one of three sources."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from kvmctl.domain import Interface
from kvmctl.driver import agent
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure, system_failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.network import leases
from kvmctl.driver.network.constants import AddressType
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, VirError, types
from kvmctl.driver.rpc.types.limits import DOMAIN_INTERFACE_MAX, DOMAIN_IP_ADDR_MAX
from kvmctl.host import bridge

table = Table()

_BITS = {4: 32, 6: 128}


class Source(IntEnum):
    """virDomainInterfaceAddressesSource."""

    LEASE = 0
    AGENT = 1
    ARP = 2


@table.answers(Procedure.DOMAIN_INTERFACE_ADDRESSES)
async def domain_interface_addresses(
    driver: Driver, _connection: Connection, args: types.DomainInterfaceAddressesArgs
) -> types.DomainInterfaceAddressesRet:
    check_flags(args.flags, 0, "virDomainInterfaceAddresses")
    domain = driver.find(args.dom)
    domain.require_run()
    match args.source:
        case Source.LEASE:
            found = _from_leases(driver, domain)
        case Source.AGENT:
            found = _from_agent(await agent.ask(domain, "guest-network-get-interfaces"))
        case Source.ARP:
            try:
                neighbours = await asyncio.to_thread(bridge.neighbours)
            except OSError as error:
                raise system_failure(error, "cannot read the host's ARP table") from error
            found = _from_neighbours(domain, neighbours)
        case unknown:
            raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, f"Unknown IP address data source {unknown}")
    return types.DomainInterfaceAddressesRet(ifaces=tuple(found))


def _cards(domain: DomainObject) -> Iterator[tuple[Interface, str]]:
    """The interfaces that have a device on the host, and its name."""
    for interface in domain.definition.devices.interfaces:
        if interface.target is not None:
            yield interface, interface.target


def _address(text: str, version: int, prefix: int) -> types.DomainIpAddr:
    kind = AddressType.IPV4 if version == 4 else AddressType.IPV6
    return types.DomainIpAddr(type=int(kind), addr=text, prefix=prefix)


def _from_leases(driver: Driver, domain: DomainObject) -> Iterator[types.DomainInterface]:
    """What the networks' DHCP servers have given to the interfaces' MAC addresses."""
    for interface, name in _cards(domain):
        if interface.type != "network" or interface.network is None:
            continue
        try:
            network = driver.networks.by_name(interface.network)
        except VirError:
            continue  # undefined since
        subnets = [ip.subnet for ip in network.definition.ips]
        addresses = tuple(
            _address(
                str(lease.address),
                lease.address.version,
                next((s.prefixlen for s in subnets if lease.address in s), lease.address.max_prefixlen),
            )
            for lease in leases.given(network.name, driver.networks.store.files)
            if lease.mac == interface.mac
        )
        if addresses:
            yield types.DomainInterface(name=name, hwaddr=interface.mac, addrs=addresses)


def _from_neighbours(
    domain: DomainObject, neighbours: Sequence[bridge.Neighbour]
) -> Iterator[types.DomainInterface]:
    """Whom the host itself has talked to: no prefix is known."""
    for interface, name in _cards(domain):
        addresses = tuple(
            _address(str(neighbour.address), neighbour.address.version, 0)
            for neighbour in neighbours
            if neighbour.mac == interface.mac
        )
        if addresses:
            yield types.DomainInterface(name=name, hwaddr=interface.mac, addrs=addresses)


def _from_agent(answer: Any) -> Iterator[types.DomainInterface]:
    """guest-network-get-interfaces (qga/qapi-schema.json); everything in it is the guest's word."""
    if not isinstance(answer, list):
        raise failure(ErrorCode.INTERNAL_ERROR, "the guest agent's answer is no list of interfaces")
    for entry in answer[:DOMAIN_INTERFACE_MAX]:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise failure(ErrorCode.INTERNAL_ERROR, "the guest agent names an interface without a name")
        mac = entry.get("hardware-address")
        yield types.DomainInterface(
            name=entry["name"],
            hwaddr=mac if isinstance(mac, str) else None,
            addrs=tuple(_agent_addresses(entry.get("ip-addresses"))),
        )


def _agent_addresses(addresses: Any) -> Iterator[types.DomainIpAddr]:
    if not isinstance(addresses, list):
        return
    for entry in addresses[:DOMAIN_IP_ADDR_MAX]:
        if not isinstance(entry, Mapping):
            continue
        text, prefix = entry.get("ip-address"), entry.get("prefix")
        version = {"ipv4": 4, "ipv6": 6}.get(str(entry.get("ip-address-type")))
        if isinstance(text, str) and isinstance(prefix, int) and version is not None:
            yield _address(text, version, min(max(prefix, 0), _BITS[version]))
