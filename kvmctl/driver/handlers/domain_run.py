"""virDomain: running one."""

from kvmctl.driver.agent import agent_connected
from kvmctl.driver.constants import ConsoleFlags, CreateFlags, DestroyFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags
from kvmctl.driver.events import wire_domain
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, Procedure, Stream, types

table = Table()

# There is no saved state yet, so that there is no cache to bypass for it and nothing that a forced boot
# would drop.
_CREATE = CreateFlags.PAUSED | CreateFlags.AUTODESTROY | CreateFlags.BYPASS_CACHE | CreateFlags.FORCE_BOOT
_CREATE_XML = CreateFlags.PAUSED | CreateFlags.AUTODESTROY | CreateFlags.VALIDATE

# virDomainShutdownFlagValues, virDomainRebootFlagValues
_ACPI_POWER_BUTTON = 1 << 0
_GUEST_AGENT = 1 << 1
_POWER_MODES = _ACPI_POWER_BUTTON | _GUEST_AGENT

_CHANNEL_FORCE = 1 << 0  # VIR_DOMAIN_CHANNEL_FORCE


@table.answers(Procedure.DOMAIN_CREATE)
async def domain_create(driver: Driver, _connection: Connection, args: types.DomainCreateArgs) -> None:
    await driver.starter.start(driver.find(args.dom), CreateFlags(0))


@table.answers(Procedure.DOMAIN_CREATE_WITH_FLAGS)
async def domain_create_with_flags(
    driver: Driver, connection: Connection, args: types.DomainCreateWithFlagsArgs
) -> types.DomainCreateWithFlagsRet:
    check_flags(args.flags, _CREATE, "virDomainCreateWithFlags")
    domain = driver.find(args.dom)
    await driver.starter.start(domain, CreateFlags(args.flags), connection)
    return types.DomainCreateWithFlagsRet(dom=wire_domain(domain))


@table.answers(Procedure.DOMAIN_CREATE_XML)
async def domain_create_xml(
    driver: Driver, connection: Connection, args: types.DomainCreateXmlArgs
) -> types.DomainCreateXmlRet:
    check_flags(args.flags, _CREATE_XML, "virDomainCreateXML")
    domain = await driver.starter.create(args.xml_desc, CreateFlags(args.flags), connection)
    return types.DomainCreateXmlRet(dom=wire_domain(domain))


@table.answers(Procedure.DOMAIN_DESTROY)
async def domain_destroy(driver: Driver, _connection: Connection, args: types.DomainDestroyArgs) -> None:
    await driver.control.destroy(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_DESTROY_FLAGS)
async def domain_destroy_flags(
    driver: Driver, _connection: Connection, args: types.DomainDestroyFlagsArgs
) -> None:
    check_flags(args.flags, DestroyFlags.GRACEFUL, "virDomainDestroyFlags")
    await driver.control.destroy(driver.find(args.dom), graceful=bool(args.flags & DestroyFlags.GRACEFUL))


@table.answers(Procedure.DOMAIN_SUSPEND)
async def domain_suspend(driver: Driver, _connection: Connection, args: types.DomainSuspendArgs) -> None:
    await driver.control.suspend(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_RESUME)
async def domain_resume(driver: Driver, _connection: Connection, args: types.DomainResumeArgs) -> None:
    await driver.control.resume(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_SHUTDOWN)
async def domain_shutdown(driver: Driver, _connection: Connection, args: types.DomainShutdownArgs) -> None:
    await driver.control.shutdown(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_SHUTDOWN_FLAGS)
async def domain_shutdown_flags(
    driver: Driver, _connection: Connection, args: types.DomainShutdownFlagsArgs
) -> None:
    check_flags(args.flags, _POWER_MODES, "virDomainShutdownFlags")
    domain = driver.find(args.dom)
    if _by_agent(domain, args.flags):
        await driver.control.ask_agent(domain, "powerdown")
    else:
        await driver.control.shutdown(domain)


@table.answers(Procedure.DOMAIN_REBOOT)
async def domain_reboot(driver: Driver, _connection: Connection, args: types.DomainRebootArgs) -> None:
    check_flags(args.flags, _POWER_MODES, "virDomainReboot")
    domain = driver.find(args.dom)
    if _by_agent(domain, args.flags):
        await driver.control.ask_agent(domain, "reboot")
    else:
        await driver.control.shutdown(domain, reboot=True)


def _by_agent(domain: DomainObject, flags: int) -> bool:
    """The guest's agent where it is asked for alone, or answers and nothing was asked for."""
    domain.require_run()
    if flags & _GUEST_AGENT:
        return not flags & _ACPI_POWER_BUTTON or agent_connected(domain)
    return not flags and agent_connected(domain)


@table.answers(Procedure.DOMAIN_INJECT_NMI)
async def domain_inject_nmi(driver: Driver, _connection: Connection, args: types.DomainInjectNmiArgs) -> None:
    check_flags(args.flags, 0, "virDomainInjectNMI")
    await driver.control.inject_nmi(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_RESET)
async def domain_reset(driver: Driver, _connection: Connection, args: types.DomainResetArgs) -> None:
    check_flags(args.flags, 0, "virDomainReset")
    await driver.control.reset(driver.find(args.dom))


@table.answers(Procedure.DOMAIN_OPEN_CONSOLE)
async def domain_open_console(
    driver: Driver, _connection: Connection, args: types.DomainOpenConsoleArgs, stream: Stream
) -> None:
    """Every session of this driver is exclusive, so that VIR_DOMAIN_CONSOLE_SAFE asks for nothing more."""
    check_flags(args.flags, ConsoleFlags.FORCE | ConsoleFlags.SAFE, "virDomainOpenConsole")
    domain = driver.find(args.dom)
    await driver.consoles.open(domain, args.dev_name, stream, force=bool(args.flags & ConsoleFlags.FORCE))


@table.answers(Procedure.DOMAIN_OPEN_CHANNEL)
async def domain_open_channel(
    driver: Driver, _connection: Connection, args: types.DomainOpenChannelArgs, stream: Stream
) -> None:
    check_flags(args.flags, _CHANNEL_FORCE, "virDomainOpenChannel")
    force = bool(args.flags & _CHANNEL_FORCE)
    await driver.consoles.open_channel(driver.find(args.dom), args.name, stream, force=force)
