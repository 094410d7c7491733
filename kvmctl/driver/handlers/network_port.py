"""virNetworkPort: the interfaces of running guests that are on a network (formatnetworkport)."""

from collections.abc import Iterator
from uuid import UUID

from kvmctl.domain import Domain, Interface
from kvmctl.domain.writer import Node
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.network import find
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.network import NetworkObject
from kvmctl.driver.network.events import wire_network
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()


def _ports(driver: Driver, network: NetworkObject) -> Iterator[tuple[UUID, Domain, Interface]]:
    for domain, interface in driver.networks.ports(network):
        if interface.portid is not None:
            yield interface.portid, domain, interface


def _find(driver: Driver, network: NetworkObject, uuid: UUID) -> tuple[Domain, Interface]:
    for portid, domain, interface in _ports(driver, network):
        if portid == uuid:
            return domain, interface
    raise failure(ErrorCode.NO_NETWORK_PORT, f"Network port with UUID {uuid} does not exist")


@table.answers(Procedure.NETWORK_LIST_ALL_PORTS)
def network_list_all_ports(
    driver: Driver, _connection: Connection, args: types.NetworkListAllPortsArgs
) -> types.NetworkListAllPortsRet:
    check_flags(args.flags, 0, "virNetworkListAllPorts")
    network = find(driver, args.network)
    network.require_active()
    found = tuple(
        types.NetworkPort(net=wire_network(network), uuid=portid.bytes)
        for portid, _, _ in _ports(driver, network)
    )
    return types.NetworkListAllPortsRet(ports=found if args.need_results else (), ret=len(found))


@table.answers(Procedure.NETWORK_PORT_LOOKUP_BY_UUID)
def network_port_lookup_by_uuid(
    driver: Driver, _connection: Connection, args: types.NetworkPortLookupByUuidArgs
) -> types.NetworkPortLookupByUuidRet:
    network = find(driver, args.network)
    network.require_active()
    _find(driver, network, UUID(bytes=args.uuid))
    port = types.NetworkPort(net=wire_network(network), uuid=args.uuid)
    return types.NetworkPortLookupByUuidRet(port=port)


@table.answers(Procedure.NETWORK_PORT_GET_XML_DESC)
def network_port_get_xml_desc(
    driver: Driver, _connection: Connection, args: types.NetworkPortGetXmlDescArgs
) -> types.NetworkPortGetXmlDescRet:
    check_flags(args.flags, 0, "virNetworkPortGetXMLDesc")
    network = find(driver, args.port.net)
    network.require_active()
    uuid = UUID(bytes=args.port.uuid)
    domain, interface = _find(driver, network, uuid)
    kind = "network" if network.definition.owns_bridge else "bridge"
    owner = Node("owner", children=[Node("name", text=domain.name), Node("uuid", text=str(domain.uuid))])
    port = Node(
        "networkport",
        children=[
            Node("uuid", text=str(uuid)),
            owner,
            Node("mac", {"address": interface.mac or ""}),
            Node("plug", {"type": kind, "bridge": interface.bridge or ""}),
        ],
    )
    return types.NetworkPortGetXmlDescRet(xml="\n".join(port.lines("")) + "\n")
