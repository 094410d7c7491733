"""Domain life cycle: lookup, definition, start, stop, state.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from kvmctl.driver.rpc.types.base import Int, String, UChar, UHyper, UInt, UShort, UUIDBytes, struct
from kvmctl.driver.rpc.types.objects import Domain


@struct
class DomainCreateXmlArgs:
    xml_desc: String
    flags: UInt


@struct
class DomainCreateXmlRet:
    dom: Domain


@struct
class DomainCreateXmlWithFilesArgs:
    xml_desc: String
    flags: UInt


@struct
class DomainCreateXmlWithFilesRet:
    dom: Domain


@struct
class DomainLookupByIdArgs:
    id: Int


@struct
class DomainLookupByIdRet:
    dom: Domain


@struct
class DomainLookupByUuidArgs:
    uuid: UUIDBytes


@struct
class DomainLookupByUuidRet:
    dom: Domain


@struct
class DomainLookupByNameArgs:
    name: String


@struct
class DomainLookupByNameRet:
    dom: Domain


@struct
class DomainSuspendArgs:
    dom: Domain


@struct
class DomainResumeArgs:
    dom: Domain


@struct
class DomainShutdownArgs:
    dom: Domain


@struct
class DomainRebootArgs:
    dom: Domain
    flags: UInt


@struct
class DomainResetArgs:
    dom: Domain
    flags: UInt


@struct
class DomainDestroyArgs:
    dom: Domain


@struct
class DomainDestroyFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetOsTypeArgs:
    dom: Domain


@struct
class DomainGetOsTypeRet:
    type: String


@struct
class DomainGetInfoArgs:
    dom: Domain


@struct
class DomainGetInfoRet:
    state: UChar
    max_mem: UHyper
    memory: UHyper
    nr_virt_cpu: UShort
    cpu_time: UHyper


@struct
class DomainGetXmlDescArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetXmlDescRet:
    xml: String


@struct
class DomainCreateArgs:
    dom: Domain


@struct
class DomainCreateWithFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainCreateWithFlagsRet:
    dom: Domain


@struct
class DomainCreateWithFilesArgs:
    dom: Domain
    flags: UInt


@struct
class DomainCreateWithFilesRet:
    dom: Domain


@struct
class DomainDefineXmlArgs:
    xml: String


@struct
class DomainDefineXmlRet:
    dom: Domain


@struct
class DomainDefineXmlFlagsArgs:
    xml: String
    flags: UInt


@struct
class DomainDefineXmlFlagsRet:
    dom: Domain


@struct
class DomainUndefineArgs:
    dom: Domain


@struct
class DomainUndefineFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetAutostartArgs:
    dom: Domain


@struct
class DomainGetAutostartRet:
    autostart: Int


@struct
class DomainSetAutostartArgs:
    dom: Domain
    autostart: Int


@struct
class DomainIsActiveArgs:
    dom: Domain


@struct
class DomainIsActiveRet:
    active: Int


@struct
class DomainIsPersistentArgs:
    dom: Domain


@struct
class DomainIsPersistentRet:
    persistent: Int


@struct
class DomainIsUpdatedArgs:
    dom: Domain


@struct
class DomainIsUpdatedRet:
    updated: Int


@struct
class DomainGetStateArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetStateRet:
    state: Int
    reason: Int


@struct
class DomainGetControlInfoArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetControlInfoRet:
    state: UInt
    details: UInt
    state_time: UHyper


@struct
class DomainShutdownFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainRenameArgs:
    dom: Domain
    new_name: String | None
    flags: UInt


@struct
class DomainRenameRet:
    retcode: Int


@struct
class DomainSetLifecycleActionArgs:
    dom: Domain
    type: UInt
    action: UInt
    flags: UInt


@struct
class DomainFdAssociateArgs:
    dom: Domain
    name: String
    flags: UInt
