"""Virtual networks, their ports and DHCP leases.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Hyper, Int, String, UInt, UUIDBytes, struct
from kvmctl.driver.rpc.types.limits import (
    NETWORK_DHCP_LEASES_MAX,
    NETWORK_LIST_MAX,
    NETWORK_PORT_LIST_MAX,
    NETWORK_PORT_PARAMETERS_MAX,
)
from kvmctl.driver.rpc.types.objects import Network, NetworkPort
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectNumOfNetworksRet:
    num: Int


@struct
class ConnectListNetworksArgs:
    maxnames: Int


@struct
class ConnectListNetworksRet:
    names: Annotated[tuple[String, ...], MaxItems(NETWORK_LIST_MAX)]


@struct
class ConnectNumOfDefinedNetworksRet:
    num: Int


@struct
class ConnectListDefinedNetworksArgs:
    maxnames: Int


@struct
class ConnectListDefinedNetworksRet:
    names: Annotated[tuple[String, ...], MaxItems(NETWORK_LIST_MAX)]


@struct
class NetworkLookupByUuidArgs:
    uuid: UUIDBytes


@struct
class NetworkLookupByUuidRet:
    net: Network


@struct
class NetworkLookupByNameArgs:
    name: String


@struct
class NetworkLookupByNameRet:
    net: Network


@struct
class NetworkCreateXmlArgs:
    xml: String


@struct
class NetworkCreateXmlRet:
    net: Network


@struct
class NetworkCreateXmlFlagsArgs:
    xml: String
    flags: UInt


@struct
class NetworkCreateXmlFlagsRet:
    net: Network


@struct
class NetworkDefineXmlArgs:
    xml: String


@struct
class NetworkDefineXmlRet:
    net: Network


@struct
class NetworkDefineXmlFlagsArgs:
    xml: String
    flags: UInt


@struct
class NetworkDefineXmlFlagsRet:
    net: Network


@struct
class NetworkUndefineArgs:
    net: Network


@struct
class NetworkUpdateArgs:
    net: Network
    command: UInt
    section: UInt
    parent_index: Int
    xml: String
    flags: UInt


@struct
class NetworkCreateArgs:
    net: Network


@struct
class NetworkDestroyArgs:
    net: Network


@struct
class NetworkGetXmlDescArgs:
    net: Network
    flags: UInt


@struct
class NetworkGetXmlDescRet:
    xml: String


@struct
class NetworkGetBridgeNameArgs:
    net: Network


@struct
class NetworkGetBridgeNameRet:
    name: String


@struct
class NetworkGetAutostartArgs:
    net: Network


@struct
class NetworkGetAutostartRet:
    autostart: Int


@struct
class NetworkSetAutostartArgs:
    net: Network
    autostart: Int


@struct
class NetworkIsActiveArgs:
    net: Network


@struct
class NetworkIsActiveRet:
    active: Int


@struct
class NetworkIsPersistentArgs:
    net: Network


@struct
class NetworkIsPersistentRet:
    persistent: Int


@struct
class ConnectListAllNetworksArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllNetworksRet:
    nets: Annotated[tuple[Network, ...], MaxItems(NETWORK_LIST_MAX)]
    ret: UInt


@struct
class NetworkDhcpLease:
    iface: String
    expirytime: Hyper
    type: Int
    mac: String | None
    iaid: String | None
    ipaddr: String
    prefix: UInt
    hostname: String | None
    clientid: String | None


@struct
class NetworkGetDhcpLeasesArgs:
    net: Network
    mac: String | None
    need_results: Int
    flags: UInt


@struct
class NetworkGetDhcpLeasesRet:
    leases: Annotated[tuple[NetworkDhcpLease, ...], MaxItems(NETWORK_DHCP_LEASES_MAX)]
    ret: UInt


@struct
class NetworkListAllPortsArgs:
    network: Network
    need_results: Int
    flags: UInt


@struct
class NetworkListAllPortsRet:
    ports: Annotated[tuple[NetworkPort, ...], MaxItems(NETWORK_PORT_LIST_MAX)]
    ret: UInt


@struct
class NetworkPortLookupByUuidArgs:
    network: Network
    uuid: UUIDBytes


@struct
class NetworkPortLookupByUuidRet:
    port: NetworkPort


@struct
class NetworkPortCreateXmlArgs:
    network: Network
    xml: String
    flags: UInt


@struct
class NetworkPortCreateXmlRet:
    port: NetworkPort


@struct
class NetworkPortSetParametersArgs:
    port: NetworkPort
    params: Annotated[tuple[TypedParam, ...], MaxItems(NETWORK_PORT_PARAMETERS_MAX)]
    flags: UInt


@struct
class NetworkPortGetParametersArgs:
    port: NetworkPort
    nparams: Int
    flags: UInt


@struct
class NetworkPortGetParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(NETWORK_PORT_PARAMETERS_MAX)]
    nparams: Int


@struct
class NetworkPortGetXmlDescArgs:
    port: NetworkPort
    flags: UInt


@struct
class NetworkPortGetXmlDescRet:
    xml: String


@struct
class NetworkPortDeleteArgs:
    port: NetworkPort
    flags: UInt
