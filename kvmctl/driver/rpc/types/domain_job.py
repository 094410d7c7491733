"""Jobs, save, restore and core dumps.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import DOMAIN_JOB_STATS_MAX, DOMAIN_SAVE_PARAMS_MAX
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class DomainSaveArgs:
    dom: Domain
    to: String


@struct
class DomainSaveFlagsArgs:
    dom: Domain
    to: String
    dxml: String | None
    flags: UInt


@struct
class DomainSaveParamsArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SAVE_PARAMS_MAX)]
    flags: UInt


@struct
class DomainRestoreArgs:
    from_: String


@struct
class DomainRestoreFlagsArgs:
    from_: String
    dxml: String | None
    flags: UInt


@struct
class DomainRestoreParamsArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SAVE_PARAMS_MAX)]
    flags: UInt


@struct
class DomainSaveImageGetXmlDescArgs:
    file: String
    flags: UInt


@struct
class DomainSaveImageGetXmlDescRet:
    xml: String


@struct
class DomainSaveImageDefineXmlArgs:
    file: String
    dxml: String
    flags: UInt


@struct
class DomainCoreDumpArgs:
    dom: Domain
    to: String
    flags: UInt


@struct
class DomainCoreDumpWithFormatArgs:
    dom: Domain
    to: String
    dumpformat: UInt
    flags: UInt


@struct
class DomainGetJobInfoArgs:
    dom: Domain


@struct
class DomainGetJobInfoRet:
    type: Int
    time_elapsed: UHyper
    time_remaining: UHyper
    data_total: UHyper
    data_processed: UHyper
    data_remaining: UHyper
    mem_total: UHyper
    mem_processed: UHyper
    mem_remaining: UHyper
    file_total: UHyper
    file_processed: UHyper
    file_remaining: UHyper


@struct
class DomainGetJobStatsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetJobStatsRet:
    type: Int
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_JOB_STATS_MAX)]


@struct
class DomainAbortJobArgs:
    dom: Domain


@struct
class DomainAbortJobFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainManagedSaveArgs:
    dom: Domain
    flags: UInt


@struct
class DomainHasManagedSaveImageArgs:
    dom: Domain
    flags: UInt


@struct
class DomainHasManagedSaveImageRet:
    result: Int


@struct
class DomainManagedSaveRemoveArgs:
    dom: Domain
    flags: UInt


@struct
class DomainManagedSaveGetXmlDescArgs:
    dom: Domain
    flags: UInt


@struct
class DomainManagedSaveGetXmlDescRet:
    xml: String


@struct
class DomainManagedSaveDefineXmlArgs:
    dom: Domain
    dxml: String | None
    flags: UInt
