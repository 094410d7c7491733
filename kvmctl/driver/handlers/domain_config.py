"""virDomain: definitions and what is kept with them."""

from dataclasses import replace

from kvmctl.domain import Domain
from kvmctl.driver.constants import AffectFlags, DefineFlags, MetadataType, UndefineFlags
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
async def domain_get_autostart(
    driver: Driver, _connection: Connection, args: types.DomainGetAutostartArgs
) -> types.DomainGetAutostartRet:
    return types.DomainGetAutostartRet(autostart=int(driver.find(args.dom).autostart))


@table.answers(Procedure.DOMAIN_SET_AUTOSTART)
async def domain_set_autostart(
    driver: Driver, _connection: Connection, args: types.DomainSetAutostartArgs
) -> None:
    domain = driver.find(args.dom)
    async with domain.job():
        if not domain.persistent:
            raise failure(ErrorCode.OPERATION_INVALID, "cannot set autostart for transient domain")
        driver.store.set_autostart(domain.name, bool(args.autostart))
        domain.autostart = bool(args.autostart)


@table.answers(Procedure.DOMAIN_GET_METADATA)
async def domain_get_metadata(
    driver: Driver, _connection: Connection, args: types.DomainGetMetadataArgs
) -> types.DomainGetMetadataRet:
    check_flags(args.flags, AffectFlags.LIVE | AffectFlags.CONFIG, "virDomainGetMetadata")
    domain = driver.find(args.dom)
    config = driver.affects_config(domain, args.flags)
    definition = domain.inactive_definition if config else domain.definition
    match args.type:
        case MetadataType.TITLE:
            text = definition.title
        case MetadataType.DESCRIPTION:
            text = definition.description
        case MetadataType.ELEMENT:
            raise failure(ErrorCode.NO_DOMAIN_METADATA, "Requested metadata element is not present")
        case _:
            raise failure(ErrorCode.INVALID_ARG, f"unknown metadata type '{args.type}'")
    if text is None:
        raise failure(ErrorCode.NO_DOMAIN_METADATA, "Requested metadata element is not present")
    return types.DomainGetMetadataRet(metadata=text)


@table.answers(Procedure.DOMAIN_SET_METADATA)
async def domain_set_metadata(
    driver: Driver, _connection: Connection, args: types.DomainSetMetadataArgs
) -> None:
    check_flags(args.flags, AffectFlags.LIVE | AffectFlags.CONFIG, "virDomainSetMetadata")
    kind = _text_kind(args.type)
    if kind is MetadataType.TITLE and args.metadata and "\n" in args.metadata:
        raise failure(ErrorCode.INVALID_ARG, "Domain title can't contain newlines")
    value = args.metadata or None
    domain = driver.find(args.dom)
    async with domain.job():
        live, config = driver.affected(domain, args.flags)
        if config and domain.config is not None:
            changed = _with_text(domain.config, kind, value)
            driver.store.save_definition(changed)
            domain.config = changed
        if live and domain.live is not None:
            domain.live = _with_text(domain.live, kind, value)
            driver.parts.save_status(domain)
        driver.events.metadata_change(domain, kind)


def _with_text(definition: Domain, kind: MetadataType, value: str | None) -> Domain:
    if kind is MetadataType.TITLE:
        return replace(definition, title=value)
    return replace(definition, description=value)


def _text_kind(number: int) -> MetadataType:
    if number == MetadataType.ELEMENT:
        raise failure(
            ErrorCode.ARGUMENT_UNSUPPORTED, "custom <metadata> elements are not kept by this driver"
        )
    if number not in (MetadataType.TITLE, MetadataType.DESCRIPTION):
        raise failure(ErrorCode.INVALID_ARG, f"unknown metadata type '{number}'")
    return MetadataType(number)
