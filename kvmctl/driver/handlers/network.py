"""virNetwork: definitions, start and end, and what a running network has given out."""

from dataclasses import replace
from uuid import UUID

import kvmctl.network
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.network import NetworkObject, leases
from kvmctl.driver.network.constants import (
    AddressType,
    DefineFlags,
    EventId,
    UpdateFlags,
    XmlFlags,
)
from kvmctl.driver.network.events import wire_network
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.network import Network

table = Table()


def find(driver: Driver, reference: types.Network) -> NetworkObject:
    """The network that a client holds a reference to."""
    return driver.networks.by_uuid(UUID(bytes=reference.uuid), reference.name)


# Definitions


@table.answers(Procedure.NETWORK_DEFINE_XML)
async def network_define_xml(
    driver: Driver, _connection: Connection, args: types.NetworkDefineXmlArgs
) -> types.NetworkDefineXmlRet:
    return types.NetworkDefineXmlRet(net=wire_network(await driver.networks.define(args.xml)))


@table.answers(Procedure.NETWORK_DEFINE_XML_FLAGS)
async def network_define_xml_flags(
    driver: Driver, _connection: Connection, args: types.NetworkDefineXmlFlagsArgs
) -> types.NetworkDefineXmlFlagsRet:
    """Validation is not an option here: it always happens."""
    check_flags(args.flags, DefineFlags.VALIDATE, "virNetworkDefineXMLFlags")
    return types.NetworkDefineXmlFlagsRet(net=wire_network(await driver.networks.define(args.xml)))


@table.answers(Procedure.NETWORK_UNDEFINE)
async def network_undefine(driver: Driver, _connection: Connection, args: types.NetworkUndefineArgs) -> None:
    await driver.networks.undefine(find(driver, args.net))


@table.answers(Procedure.NETWORK_GET_XML_DESC)
def network_get_xml_desc(
    driver: Driver, _connection: Connection, args: types.NetworkGetXmlDescArgs
) -> types.NetworkGetXmlDescRet:
    check_flags(args.flags, XmlFlags.INACTIVE, "virNetworkGetXMLDesc")
    network = find(driver, args.net)
    definition: Network = network.definition
    if args.flags & XmlFlags.INACTIVE and network.config is not None:
        definition = network.config
    elif network.active:
        connections = len(tuple(driver.networks.ports(network)))
        definition = replace(definition, connections=connections or None)
    return types.NetworkGetXmlDescRet(xml=kvmctl.network.format(definition, live=True))


@table.answers(Procedure.NETWORK_GET_AUTOSTART)
def network_get_autostart(
    driver: Driver, _connection: Connection, args: types.NetworkGetAutostartArgs
) -> types.NetworkGetAutostartRet:
    return types.NetworkGetAutostartRet(autostart=int(find(driver, args.net).autostart))


@table.answers(Procedure.NETWORK_SET_AUTOSTART)
async def network_set_autostart(
    driver: Driver, _connection: Connection, args: types.NetworkSetAutostartArgs
) -> None:
    network = find(driver, args.net)
    async with network.lock:
        driver.networks.set_autostart(network, bool(args.autostart))


@table.answers(Procedure.NETWORK_IS_PERSISTENT)
def network_is_persistent(
    driver: Driver, _connection: Connection, args: types.NetworkIsPersistentArgs
) -> types.NetworkIsPersistentRet:
    return types.NetworkIsPersistentRet(persistent=int(find(driver, args.net).persistent))


# Running


@table.answers(Procedure.NETWORK_CREATE_XML)
async def network_create_xml(
    driver: Driver, _connection: Connection, args: types.NetworkCreateXmlArgs
) -> types.NetworkCreateXmlRet:
    return types.NetworkCreateXmlRet(net=wire_network(await driver.networks.create(args.xml)))


@table.answers(Procedure.NETWORK_CREATE_XML_FLAGS)
async def network_create_xml_flags(
    driver: Driver, _connection: Connection, args: types.NetworkCreateXmlFlagsArgs
) -> types.NetworkCreateXmlFlagsRet:
    check_flags(args.flags, DefineFlags.VALIDATE, "virNetworkCreateXMLFlags")
    return types.NetworkCreateXmlFlagsRet(net=wire_network(await driver.networks.create(args.xml)))


@table.answers(Procedure.NETWORK_CREATE)
async def network_create(driver: Driver, _connection: Connection, args: types.NetworkCreateArgs) -> None:
    await driver.networks.start(find(driver, args.net))


@table.answers(Procedure.NETWORK_DESTROY)
async def network_destroy(driver: Driver, _connection: Connection, args: types.NetworkDestroyArgs) -> None:
    await driver.networks.destroy(find(driver, args.net))


@table.answers(Procedure.NETWORK_IS_ACTIVE)
def network_is_active(
    driver: Driver, _connection: Connection, args: types.NetworkIsActiveArgs
) -> types.NetworkIsActiveRet:
    return types.NetworkIsActiveRet(active=int(find(driver, args.net).active))


@table.answers(Procedure.NETWORK_GET_BRIDGE_NAME)
def network_get_bridge_name(
    driver: Driver, _connection: Connection, args: types.NetworkGetBridgeNameArgs
) -> types.NetworkGetBridgeNameRet:
    return types.NetworkGetBridgeNameRet(name=find(driver, args.net).definition.bridge_name)


@table.answers(Procedure.NETWORK_UPDATE)
async def network_update(driver: Driver, _connection: Connection, args: types.NetworkUpdateArgs) -> None:
    check_flags(args.flags, UpdateFlags.LIVE | UpdateFlags.CONFIG, "virNetworkUpdate")
    await driver.networks.update(
        find(driver, args.net),
        args.command,
        args.section,
        args.parent_index,
        args.xml,
        UpdateFlags(args.flags),
    )


@table.answers(Procedure.NETWORK_GET_DHCP_LEASES)
def network_get_dhcp_leases(
    driver: Driver, _connection: Connection, args: types.NetworkGetDhcpLeasesArgs
) -> types.NetworkGetDhcpLeasesRet:
    check_flags(args.flags, 0, "virNetworkGetDHCPLeases")
    network = find(driver, args.net)
    mac = args.mac.lower() if args.mac else None
    given = leases.given(network.name, driver.networks.store.files) if network.active else []
    found = tuple(_wire_lease(network, lease) for lease in given if mac in (None, lease.mac))
    return types.NetworkGetDhcpLeasesRet(leases=found if args.need_results else (), ret=len(found))


def _wire_lease(network: NetworkObject, lease: leases.GivenLease) -> types.NetworkDhcpLease:
    version = lease.address.version
    prefix = next(
        (ip.subnet.prefixlen for ip in network.definition.ips if lease.address in ip.subnet),
        lease.address.max_prefixlen,
    )
    return types.NetworkDhcpLease(
        iface=network.definition.bridge_name,
        expirytime=lease.expiry,
        type=int(AddressType.IPV4 if version == 4 else AddressType.IPV6),
        mac=lease.mac,
        iaid=lease.iaid,
        ipaddr=str(lease.address),
        prefix=prefix,
        hostname=lease.hostname,
        clientid=lease.client_id,
    )


# Events


@table.answers(Procedure.CONNECT_NETWORK_EVENT_REGISTER_ANY)
def connect_network_event_register_any(
    driver: Driver, connection: Connection, args: types.ConnectNetworkEventRegisterAnyArgs
) -> types.ConnectNetworkEventRegisterAnyRet:
    if args.event_id not in tuple(EventId):
        raise failure(ErrorCode.INTERNAL_ERROR, f"unsupported network event ID {args.event_id}")
    network = UUID(bytes=args.net.uuid) if args.net is not None else None
    number = driver.networks.events.register(connection, network)
    return types.ConnectNetworkEventRegisterAnyRet(callback_id=number)


@table.answers(Procedure.CONNECT_NETWORK_EVENT_DEREGISTER_ANY)
def connect_network_event_deregister_any(
    driver: Driver, connection: Connection, args: types.ConnectNetworkEventDeregisterAnyArgs
) -> None:
    if not driver.networks.events.unregister(connection, args.callback_id):
        raise failure(ErrorCode.INTERNAL_ERROR, f"network event callback {args.callback_id} not registered")
