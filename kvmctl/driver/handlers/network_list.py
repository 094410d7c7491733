"""virConnect's and virNetwork's ways to find networks."""

from functools import reduce
from operator import or_
from uuid import UUID

from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.network import NetworkObject
from kvmctl.driver.network.constants import ListFlags
from kvmctl.driver.network.events import wire_network
from kvmctl.driver.rpc import Connection, Procedure, types

table = Table()

ALL_FILTERS = reduce(or_, ListFlags)


@table.answers(Procedure.NETWORK_LOOKUP_BY_UUID)
def network_lookup_by_uuid(
    driver: Driver, _connection: Connection, args: types.NetworkLookupByUuidArgs
) -> types.NetworkLookupByUuidRet:
    return types.NetworkLookupByUuidRet(net=wire_network(driver.networks.by_uuid(UUID(bytes=args.uuid))))


@table.answers(Procedure.NETWORK_LOOKUP_BY_NAME)
def network_lookup_by_name(
    driver: Driver, _connection: Connection, args: types.NetworkLookupByNameArgs
) -> types.NetworkLookupByNameRet:
    return types.NetworkLookupByNameRet(net=wire_network(driver.networks.by_name(args.name)))


def matches(network: NetworkObject, flags: ListFlags) -> bool:
    """Filters come in pairs: a network has to match one of each pair that is named at all."""
    is_a = (
        ListFlags.ACTIVE if network.active else ListFlags.INACTIVE,
        ListFlags.PERSISTENT if network.persistent else ListFlags.TRANSIENT,
        ListFlags.AUTOSTART if network.autostart else ListFlags.NO_AUTOSTART,
    )
    groups = (
        ListFlags.ACTIVE | ListFlags.INACTIVE,
        ListFlags.PERSISTENT | ListFlags.TRANSIENT,
        ListFlags.AUTOSTART | ListFlags.NO_AUTOSTART,
    )
    return all(not flags & group or flags & own for group, own in zip(groups, is_a, strict=True))


@table.answers(Procedure.CONNECT_LIST_ALL_NETWORKS)
def connect_list_all_networks(
    driver: Driver, _connection: Connection, args: types.ConnectListAllNetworksArgs
) -> types.ConnectListAllNetworksRet:
    check_flags(args.flags, ALL_FILTERS, "virConnectListAllNetworks")
    found = [network for network in driver.networks if matches(network, ListFlags(args.flags))]
    return types.ConnectListAllNetworksRet(
        nets=tuple(map(wire_network, found)) if args.need_results else (), ret=len(found)
    )


@table.answers(Procedure.CONNECT_NUM_OF_NETWORKS)
def connect_num_of_networks(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfNetworksRet:
    return types.ConnectNumOfNetworksRet(num=sum(network.active for network in driver.networks))


@table.answers(Procedure.CONNECT_LIST_NETWORKS)
def connect_list_networks(
    driver: Driver, _connection: Connection, args: types.ConnectListNetworksArgs
) -> types.ConnectListNetworksRet:
    names = [network.name for network in driver.networks if network.active]
    return types.ConnectListNetworksRet(names=tuple(names[: args.maxnames]))


@table.answers(Procedure.CONNECT_NUM_OF_DEFINED_NETWORKS)
def connect_num_of_defined_networks(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfDefinedNetworksRet:
    return types.ConnectNumOfDefinedNetworksRet(num=sum(not network.active for network in driver.networks))


@table.answers(Procedure.CONNECT_LIST_DEFINED_NETWORKS)
def connect_list_defined_networks(
    driver: Driver, _connection: Connection, args: types.ConnectListDefinedNetworksArgs
) -> types.ConnectListDefinedNetworksRet:
    names = [network.name for network in driver.networks if not network.active]
    return types.ConnectListDefinedNetworksRet(names=tuple(names[: args.maxnames]))
