"""Host devices.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import NODE_DEVICE_CAPS_LIST_MAX, NODE_DEVICE_LIST_MAX
from kvmctl.driver.rpc.types.objects import NodeDevice
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class NodeNumOfDevicesArgs:
    cap: String | None
    flags: UInt


@struct
class NodeNumOfDevicesRet:
    num: Int


@struct
class NodeListDevicesArgs:
    cap: String | None
    maxnames: Int
    flags: UInt


@struct
class NodeListDevicesRet:
    names: Annotated[tuple[String, ...], MaxItems(NODE_DEVICE_LIST_MAX)]


@struct
class NodeDeviceLookupByNameArgs:
    name: String


@struct
class NodeDeviceLookupByNameRet:
    dev: NodeDevice


@struct
class NodeDeviceLookupScsiHostByWwnArgs:
    wwnn: String
    wwpn: String
    flags: UInt


@struct
class NodeDeviceLookupScsiHostByWwnRet:
    dev: NodeDevice


@struct
class NodeDeviceGetXmlDescArgs:
    name: String
    flags: UInt


@struct
class NodeDeviceGetXmlDescRet:
    xml: String


@struct
class NodeDeviceGetParentArgs:
    name: String


@struct
class NodeDeviceGetParentRet:
    parent_name: String | None


@struct
class NodeDeviceNumOfCapsArgs:
    name: String


@struct
class NodeDeviceNumOfCapsRet:
    num: Int


@struct
class NodeDeviceListCapsArgs:
    name: String
    maxnames: Int


@struct
class NodeDeviceListCapsRet:
    names: Annotated[tuple[String, ...], MaxItems(NODE_DEVICE_CAPS_LIST_MAX)]


@struct
class NodeDeviceDettachArgs:
    name: String


@struct
class NodeDeviceDetachFlagsArgs:
    name: String
    driver_name: String | None
    flags: UInt


@struct
class NodeDeviceReAttachArgs:
    name: String


@struct
class NodeDeviceResetArgs:
    name: String


@struct
class NodeDeviceCreateXmlArgs:
    xml_desc: String
    flags: UInt


@struct
class NodeDeviceCreateXmlRet:
    dev: NodeDevice


@struct
class NodeDeviceDestroyArgs:
    name: String


@struct
class NodeDeviceDefineXmlArgs:
    xml_desc: String
    flags: UInt


@struct
class NodeDeviceDefineXmlRet:
    dev: NodeDevice


@struct
class NodeDeviceUndefineArgs:
    name: String
    flags: UInt


@struct
class NodeDeviceCreateArgs:
    name: String
    flags: UInt


@struct
class NodeDeviceGetAutostartArgs:
    name: String


@struct
class NodeDeviceGetAutostartRet:
    autostart: Int


@struct
class NodeDeviceSetAutostartArgs:
    name: String
    autostart: Int


@struct
class NodeDeviceIsPersistentArgs:
    name: String


@struct
class NodeDeviceIsPersistentRet:
    persistent: Int


@struct
class NodeDeviceIsActiveArgs:
    name: String


@struct
class NodeDeviceIsActiveRet:
    active: Int


@struct
class ConnectListAllNodeDevicesArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllNodeDevicesRet:
    devices: Annotated[tuple[NodeDevice, ...], MaxItems(NODE_DEVICE_LIST_MAX)]
    ret: UInt
