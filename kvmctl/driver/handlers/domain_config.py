"""virDomain: definitions and what is kept with them."""

from dataclasses import replace
from typing import Any

from kvmctl.domain import Domain
from kvmctl.driver.constants import AffectFlags, DefineFlags, UndefineFlags
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.events import wire_domain
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()


@table.answers(Procedure.DOMAIN_DEFINE_XML)
async def domain_define_xml(
    driver: Driver, _connection: Connection, args: types.DomainDefineXmlArgs
) -> types.DomainDefineXmlRet:
    return types.DomainDefineXmlRet(dom=wire_domain(await driver.definitions.define(args.xml)))


@table.answers(Procedure.DOMAIN_DEFINE_XML_FLAGS)
async def domain_define_xml_flags(
    driver: Driver, _connection: Connection, args: types.DomainDefineXmlFlagsArgs
) -> types.DomainDefineXmlFlagsRet:
    """Validation against the schema is not an option here: it always happens."""
    check_flags(args.flags, DefineFlags.VALIDATE, "virDomainDefineXMLFlags")
    return types.DomainDefineXmlFlagsRet(dom=wire_domain(await driver.definitions.define(args.xml)))


@table.answers(Procedure.DOMAIN_UNDEFINE)
async def domain_undefine(driver: Driver, _connection: Connection, args: types.DomainUndefineArgs) -> None:
    await driver.definitions.undefine(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_UNDEFINE_FLAGS)
async def domain_undefine_flags(
    driver: Driver, _connection: Connection, args: types.DomainUndefineFlagsArgs
) -> None:
    """There is no managed save, snapshot, NVRAM or TPM state yet that the flags could be about."""
    supported = (
        UndefineFlags.MANAGED_SAVE
        | UndefineFlags.SNAPSHOTS_METADATA
        | UndefineFlags.NVRAM
        | UndefineFlags.KEEP_NVRAM
        | UndefineFlags.CHECKPOINTS_METADATA
        | UndefineFlags.TPM
        | UndefineFlags.KEEP_TPM
    )
    check_flags(args.flags, supported, "virDomainUndefineFlags")
    flags = UndefineFlags(args.flags)
    if UndefineFlags.NVRAM in flags and UndefineFlags.KEEP_NVRAM in flags:
        raise failure(ErrorCode.OPERATION_INVALID, "cannot both keep and delete nvram")
    if UndefineFlags.TPM in flags and UndefineFlags.KEEP_TPM in flags:
        raise failure(ErrorCode.OPERATION_INVALID, "cannot both keep and delete TPM")
    await driver.definitions.undefine(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_GET_AUTOSTART)
def domain_get_autostart(
    driver: Driver, _connection: Connection, args: types.DomainGetAutostartArgs
) -> types.DomainGetAutostartRet:
    return types.DomainGetAutostartRet(autostart=int(driver.find(args.dom).autostart))


@table.answers(Procedure.DOMAIN_SET_AUTOSTART)
async def domain_set_autostart(
    driver: Driver, _connection: Connection, args: types.DomainSetAutostartArgs
) -> None:
    domain = driver.find(args.dom)
    async with domain.job():
        domain.require_present()
        if not domain.persistent:
            raise failure(ErrorCode.OPERATION_INVALID, "cannot set autostart for transient domain")
        driver.store.set_autostart(domain.name, bool(args.autostart))
        domain.autostart = bool(args.autostart)


@table.answers(Procedure.DOMAIN_RENAME)
async def domain_rename(
    driver: Driver, _connection: Connection, args: types.DomainRenameArgs
) -> types.DomainRenameRet:
    check_flags(args.flags, 0, "virDomainRename")
    if not args.new_name:
        raise failure(ErrorCode.INVALID_ARG, "new_name in virDomainRename must not be NULL")
    await driver.definitions.rename(driver.find(args.dom), args.new_name)
    return types.DomainRenameRet(retcode=0)


# virDomainLifecycle and virDomainLifecycleAction, as far as the machine has them
_LIFECYCLES = ("on_poweroff", "on_reboot", "on_crash")
_ACTIONS = {0: "destroy", 1: "restart", 3: "preserve"}


@table.answers(Procedure.DOMAIN_SET_LIFECYCLE_ACTION)
async def domain_set_lifecycle_action(
    driver: Driver, _connection: Connection, args: types.DomainSetLifecycleActionArgs
) -> None:
    check_flags(args.flags, AffectFlags.LIVE | AffectFlags.CONFIG, "virDomainSetLifecycleAction")
    if args.type >= len(_LIFECYCLES):
        raise failure(ErrorCode.INVALID_ARG, f"unknown lifecycle type '{args.type}'")
    name, action = _LIFECYCLES[args.type], _ACTIONS.get(args.action)
    if action is None:
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"lifecycle action '{args.action}' is not supported")
    domain = driver.find(args.dom)

    def changed(definition: Domain) -> Domain:
        values: dict[str, Any] = {name: action}
        return replace(definition, **values)

    async def apply(_wanted: Domain) -> None:
        qmp = {"destroy": "poweroff", "preserve": "pause"}.get(action)
        if name != "on_poweroff" or qmp is None:
            raise failure(
                ErrorCode.OPERATION_UNSUPPORTED, f"<{name}> of a running guest cannot become '{action}'"
            )
        await domain.execute("set-action", shutdown=qmp)

    await driver.definitions.reconfigure(domain, args.flags, changed, apply)
