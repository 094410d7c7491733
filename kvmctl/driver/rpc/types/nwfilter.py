"""Network filters and their bindings.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, UUIDBytes, struct
from kvmctl.driver.rpc.types.limits import NWFILTER_BINDING_LIST_MAX, NWFILTER_LIST_MAX
from kvmctl.driver.rpc.types.objects import Nwfilter, NwfilterBinding
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectNumOfNwfiltersRet:
    num: Int


@struct
class ConnectListNwfiltersArgs:
    maxnames: Int


@struct
class ConnectListNwfiltersRet:
    names: Annotated[tuple[String, ...], MaxItems(NWFILTER_LIST_MAX)]


@struct
class NwfilterLookupByUuidArgs:
    uuid: UUIDBytes


@struct
class NwfilterLookupByUuidRet:
    nwfilter: Nwfilter


@struct
class NwfilterLookupByNameArgs:
    name: String


@struct
class NwfilterLookupByNameRet:
    nwfilter: Nwfilter


@struct
class NwfilterDefineXmlArgs:
    xml: String


@struct
class NwfilterDefineXmlRet:
    nwfilter: Nwfilter


@struct
class NwfilterDefineXmlFlagsArgs:
    xml: String
    flags: UInt


@struct
class NwfilterDefineXmlFlagsRet:
    nwfilter: Nwfilter


@struct
class NwfilterUndefineArgs:
    nwfilter: Nwfilter


@struct
class NwfilterGetXmlDescArgs:
    nwfilter: Nwfilter
    flags: UInt


@struct
class NwfilterGetXmlDescRet:
    xml: String


@struct
class ConnectListAllNwfiltersArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllNwfiltersRet:
    filters: Annotated[tuple[Nwfilter, ...], MaxItems(NWFILTER_LIST_MAX)]
    ret: UInt


@struct
class NwfilterBindingLookupByPortDevArgs:
    name: String


@struct
class NwfilterBindingLookupByPortDevRet:
    nwfilter: NwfilterBinding


@struct
class NwfilterBindingCreateXmlArgs:
    xml: String
    flags: UInt


@struct
class NwfilterBindingCreateXmlRet:
    nwfilter: NwfilterBinding


@struct
class NwfilterBindingDeleteArgs:
    nwfilter: NwfilterBinding


@struct
class NwfilterBindingGetXmlDescArgs:
    nwfilter: NwfilterBinding
    flags: UInt


@struct
class NwfilterBindingGetXmlDescRet:
    xml: String


@struct
class ConnectListAllNwfilterBindingsArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllNwfilterBindingsRet:
    bindings: Annotated[tuple[NwfilterBinding, ...], MaxItems(NWFILTER_BINDING_LIST_MAX)]
    ret: UInt
