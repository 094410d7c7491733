"""Domain checkpoints and backups.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import DOMAIN_CHECKPOINT_LIST_MAX
from kvmctl.driver.rpc.types.objects import Domain, DomainCheckpoint
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class DomainCheckpointCreateXmlArgs:
    dom: Domain
    xml_desc: String
    flags: UInt


@struct
class DomainCheckpointCreateXmlRet:
    checkpoint: DomainCheckpoint


@struct
class DomainCheckpointGetXmlDescArgs:
    checkpoint: DomainCheckpoint
    flags: UInt


@struct
class DomainCheckpointGetXmlDescRet:
    xml: String


@struct
class DomainListAllCheckpointsArgs:
    dom: Domain
    need_results: Int
    flags: UInt


@struct
class DomainListAllCheckpointsRet:
    checkpoints: Annotated[tuple[DomainCheckpoint, ...], MaxItems(DOMAIN_CHECKPOINT_LIST_MAX)]
    ret: Int


@struct
class DomainCheckpointListAllChildrenArgs:
    checkpoint: DomainCheckpoint
    need_results: Int
    flags: UInt


@struct
class DomainCheckpointListAllChildrenRet:
    checkpoints: Annotated[tuple[DomainCheckpoint, ...], MaxItems(DOMAIN_CHECKPOINT_LIST_MAX)]
    ret: Int


@struct
class DomainCheckpointLookupByNameArgs:
    dom: Domain
    name: String
    flags: UInt


@struct
class DomainCheckpointLookupByNameRet:
    checkpoint: DomainCheckpoint


@struct
class DomainCheckpointGetParentArgs:
    checkpoint: DomainCheckpoint
    flags: UInt


@struct
class DomainCheckpointGetParentRet:
    parent: DomainCheckpoint


@struct
class DomainCheckpointDeleteArgs:
    checkpoint: DomainCheckpoint
    flags: UInt


@struct
class DomainBackupBeginArgs:
    dom: Domain
    backup_xml: String
    checkpoint_xml: String | None
    flags: UInt


@struct
class DomainBackupGetXmlDescArgs:
    dom: Domain
    flags: UInt


@struct
class DomainBackupGetXmlDescRet:
    xml: String
