"""Domain snapshots.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import DOMAIN_SNAPSHOT_LIST_MAX
from kvmctl.driver.rpc.types.objects import Domain, DomainSnapshot
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class DomainSnapshotCreateXmlArgs:
    dom: Domain
    xml_desc: String
    flags: UInt


@struct
class DomainSnapshotCreateXmlRet:
    snap: DomainSnapshot


@struct
class DomainSnapshotGetXmlDescArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotGetXmlDescRet:
    xml: String


@struct
class DomainSnapshotNumArgs:
    dom: Domain
    flags: UInt


@struct
class DomainSnapshotNumRet:
    num: Int


@struct
class DomainSnapshotListNamesArgs:
    dom: Domain
    maxnames: Int
    flags: UInt


@struct
class DomainSnapshotListNamesRet:
    names: Annotated[tuple[String, ...], MaxItems(DOMAIN_SNAPSHOT_LIST_MAX)]


@struct
class DomainListAllSnapshotsArgs:
    dom: Domain
    need_results: Int
    flags: UInt


@struct
class DomainListAllSnapshotsRet:
    snapshots: Annotated[tuple[DomainSnapshot, ...], MaxItems(DOMAIN_SNAPSHOT_LIST_MAX)]
    ret: Int


@struct
class DomainSnapshotNumChildrenArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotNumChildrenRet:
    num: Int


@struct
class DomainSnapshotListChildrenNamesArgs:
    snap: DomainSnapshot
    maxnames: Int
    flags: UInt


@struct
class DomainSnapshotListChildrenNamesRet:
    names: Annotated[tuple[String, ...], MaxItems(DOMAIN_SNAPSHOT_LIST_MAX)]


@struct
class DomainSnapshotListAllChildrenArgs:
    snapshot: DomainSnapshot
    need_results: Int
    flags: UInt


@struct
class DomainSnapshotListAllChildrenRet:
    snapshots: Annotated[tuple[DomainSnapshot, ...], MaxItems(DOMAIN_SNAPSHOT_LIST_MAX)]
    ret: Int


@struct
class DomainSnapshotLookupByNameArgs:
    dom: Domain
    name: String
    flags: UInt


@struct
class DomainSnapshotLookupByNameRet:
    snap: DomainSnapshot


@struct
class DomainHasCurrentSnapshotArgs:
    dom: Domain
    flags: UInt


@struct
class DomainHasCurrentSnapshotRet:
    result: Int


@struct
class DomainSnapshotGetParentArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotGetParentRet:
    snap: DomainSnapshot


@struct
class DomainSnapshotCurrentArgs:
    dom: Domain
    flags: UInt


@struct
class DomainSnapshotCurrentRet:
    snap: DomainSnapshot


@struct
class DomainSnapshotIsCurrentArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotIsCurrentRet:
    current: Int


@struct
class DomainSnapshotHasMetadataArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotHasMetadataRet:
    metadata: Int


@struct
class DomainRevertToSnapshotArgs:
    snap: DomainSnapshot
    flags: UInt


@struct
class DomainSnapshotDeleteArgs:
    snap: DomainSnapshot
    flags: UInt
