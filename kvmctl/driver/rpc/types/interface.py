"""Host network interfaces.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import INTERFACE_LIST_MAX
from kvmctl.driver.rpc.types.objects import Interface
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectNumOfInterfacesRet:
    num: Int


@struct
class ConnectListInterfacesArgs:
    maxnames: Int


@struct
class ConnectListInterfacesRet:
    names: Annotated[tuple[String, ...], MaxItems(INTERFACE_LIST_MAX)]


@struct
class ConnectNumOfDefinedInterfacesRet:
    num: Int


@struct
class ConnectListDefinedInterfacesArgs:
    maxnames: Int


@struct
class ConnectListDefinedInterfacesRet:
    names: Annotated[tuple[String, ...], MaxItems(INTERFACE_LIST_MAX)]


@struct
class InterfaceLookupByNameArgs:
    name: String


@struct
class InterfaceLookupByNameRet:
    iface: Interface


@struct
class InterfaceLookupByMacStringArgs:
    mac: String


@struct
class InterfaceLookupByMacStringRet:
    iface: Interface


@struct
class InterfaceGetXmlDescArgs:
    iface: Interface
    flags: UInt


@struct
class InterfaceGetXmlDescRet:
    xml: String


@struct
class InterfaceDefineXmlArgs:
    xml: String
    flags: UInt


@struct
class InterfaceDefineXmlRet:
    iface: Interface


@struct
class InterfaceUndefineArgs:
    iface: Interface


@struct
class InterfaceCreateArgs:
    iface: Interface
    flags: UInt


@struct
class InterfaceDestroyArgs:
    iface: Interface
    flags: UInt


@struct
class InterfaceChangeBeginArgs:
    flags: UInt


@struct
class InterfaceChangeCommitArgs:
    flags: UInt


@struct
class InterfaceChangeRollbackArgs:
    flags: UInt


@struct
class InterfaceIsActiveArgs:
    iface: Interface


@struct
class InterfaceIsActiveRet:
    active: Int


@struct
class ConnectListAllInterfacesArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllInterfacesRet:
    ifaces: Annotated[tuple[Interface, ...], MaxItems(INTERFACE_LIST_MAX)]
    ret: UInt
