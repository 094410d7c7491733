"""virDomain: what there is to know about one."""

import kvmctl.domain
from kvmctl.backends import BackendError
from kvmctl.backends.cpu import with_named_model
from kvmctl.domain import Domain
from kvmctl.driver.constants import AffectFlags, XmlFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.vcpus import current_vcpus
from kvmctl.driver.vmprocess import cpu_times
from kvmctl.host import kvm

table = Table()

_CONTROL_OK = 0  # VIR_DOMAIN_CONTROL_OK
_CONTROL_ERROR = 3  # VIR_DOMAIN_CONTROL_ERROR


def _memory(domain: DomainObject) -> tuple[int, int]:
    """Maximum and current memory in KiB."""
    definition = domain.definition
    current = definition.memory if definition.current_memory is None else definition.current_memory
    return definition.memory // 1024, current // 1024


@table.answers(Procedure.DOMAIN_GET_INFO)
def domain_get_info(
    driver: Driver, _connection: Connection, args: types.DomainGetInfoArgs
) -> types.DomainGetInfoRet:
    domain = driver.find(args.dom)
    maximum, current = _memory(domain)
    return types.DomainGetInfoRet(
        state=domain.state,
        max_mem=maximum,
        memory=current,
        nr_virt_cpu=current_vcpus(domain.definition),
        cpu_time=sum(cpu_times(domain.run.process.pid)) if domain.run else 0,
    )


@table.answers(Procedure.DOMAIN_GET_STATE)
def domain_get_state(
    driver: Driver, _connection: Connection, args: types.DomainGetStateArgs
) -> types.DomainGetStateRet:
    check_flags(args.flags, 0, "virDomainGetState")
    domain = driver.find(args.dom)
    return types.DomainGetStateRet(state=domain.state, reason=int(domain.reason))


@table.answers(Procedure.DOMAIN_GET_CONTROL_INFO)
def domain_get_control_info(
    driver: Driver, _connection: Connection, args: types.DomainGetControlInfoArgs
) -> types.DomainGetControlInfoRet:
    check_flags(args.flags, 0, "virDomainGetControlInfo")
    run = driver.find(args.dom).require_run()
    return types.DomainGetControlInfoRet(
        state=_CONTROL_OK if run.monitor else _CONTROL_ERROR, details=0, state_time=0
    )


@table.answers(Procedure.DOMAIN_GET_OS_TYPE)
def domain_get_os_type(
    driver: Driver, _connection: Connection, args: types.DomainGetOsTypeArgs
) -> types.DomainGetOsTypeRet:
    return types.DomainGetOsTypeRet(type=driver.find(args.dom).definition.os.type)


@table.answers(Procedure.DOMAIN_GET_XML_DESC)
def domain_get_xml_desc(
    driver: Driver, connection: Connection, args: types.DomainGetXmlDescArgs
) -> types.DomainGetXmlDescRet:
    supported = XmlFlags.SECURE | XmlFlags.INACTIVE | XmlFlags.UPDATE_CPU | XmlFlags.MIGRATABLE
    check_flags(args.flags, supported, "virDomainGetXMLDesc")
    flags = XmlFlags(args.flags)
    if connection.readonly and flags & (XmlFlags.SECURE | XmlFlags.MIGRATABLE):
        raise failure(ErrorCode.OPERATION_DENIED, "virDomainGetXMLDesc with secure flag")
    domain = driver.find(args.dom)
    live = domain.active and XmlFlags.INACTIVE not in flags
    definition = domain.definition if live else domain.inactive_definition
    if live or XmlFlags.UPDATE_CPU in flags:
        definition = _with_named_cpu(definition)
    if XmlFlags.MIGRATABLE in flags:
        definition = kvmctl.domain.migratable(definition)
    return types.DomainGetXmlDescRet(xml=kvmctl.domain.format(definition, live=live))


def _with_named_cpu(definition: Domain) -> Domain:
    """As it is on this host, where that can be told."""
    try:
        return with_named_model(definition, kvm.host_cpu())
    except (BackendError, OSError):
        return definition


@table.answers(Procedure.DOMAIN_IS_ACTIVE)
def domain_is_active(
    driver: Driver, _connection: Connection, args: types.DomainIsActiveArgs
) -> types.DomainIsActiveRet:
    return types.DomainIsActiveRet(active=int(driver.find(args.dom).active))


@table.answers(Procedure.DOMAIN_IS_PERSISTENT)
def domain_is_persistent(
    driver: Driver, _connection: Connection, args: types.DomainIsPersistentArgs
) -> types.DomainIsPersistentRet:
    return types.DomainIsPersistentRet(persistent=int(driver.find(args.dom).persistent))


@table.answers(Procedure.DOMAIN_IS_UPDATED)
def domain_is_updated(
    driver: Driver, _connection: Connection, args: types.DomainIsUpdatedArgs
) -> types.DomainIsUpdatedRet:
    """Whether a running persistent domain was started from another definition than it has now."""
    domain = driver.find(args.dom)
    return types.DomainIsUpdatedRet(updated=int(domain.updated))


@table.answers(Procedure.DOMAIN_HAS_MANAGED_SAVE_IMAGE)
def domain_has_managed_save_image(
    driver: Driver, _connection: Connection, args: types.DomainHasManagedSaveImageArgs
) -> types.DomainHasManagedSaveImageRet:
    check_flags(args.flags, 0, "virDomainHasManagedSaveImage")
    driver.find(args.dom)
    return types.DomainHasManagedSaveImageRet(result=0)


@table.answers(Procedure.DOMAIN_GET_MESSAGES)
def domain_get_messages(
    driver: Driver, _connection: Connection, args: types.DomainGetMessagesArgs
) -> types.DomainGetMessagesRet:
    """Nothing deprecated, nothing tainted: this driver runs only what it knows."""
    driver.find(args.dom)
    return types.DomainGetMessagesRet(msgs=())


@table.answers(Procedure.DOMAIN_GET_SECURITY_LABEL)
def domain_get_security_label(
    driver: Driver, _connection: Connection, args: types.DomainGetSecurityLabelArgs
) -> types.DomainGetSecurityLabelRet:
    driver.find(args.dom)
    return types.DomainGetSecurityLabelRet(label="", enforcing=0)


@table.answers(Procedure.DOMAIN_GET_SECURITY_LABEL_LIST)
def domain_get_security_label_list(
    driver: Driver, _connection: Connection, args: types.DomainGetSecurityLabelListArgs
) -> types.DomainGetSecurityLabelListRet:
    driver.find(args.dom)
    return types.DomainGetSecurityLabelListRet(labels=(), ret=0)


@table.answers(Procedure.DOMAIN_GET_PERF_EVENTS)
def domain_get_perf_events(
    driver: Driver, _connection: Connection, args: types.DomainGetPerfEventsArgs
) -> types.DomainGetPerfEventsRet:
    """None can be counted, so none is."""
    known = AffectFlags.LIVE | AffectFlags.CONFIG | TYPED_STRING_OKAY
    check_flags(args.flags, known, "virDomainGetPerfEvents")
    driver.find(args.dom).queried(args.flags)
    return types.DomainGetPerfEventsRet(params=())
