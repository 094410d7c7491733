"""virDomain: devices put in, taken out and changed; of a running guest's, what can change."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from kvmctl.domain import Disk, Domain, Interface
from kvmctl.driver import devices
from kvmctl.driver.constants import AffectFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.domain_block import throttle_arguments
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()

_AFFECT = AffectFlags.LIVE | AffectFlags.CONFIG
_FORCE = 1 << 2  # VIR_DOMAIN_DEVICE_MODIFY_FORCE
Edit = Callable[[Domain, str, Any], Domain]


@table.answers(Procedure.DOMAIN_ATTACH_DEVICE)
async def domain_attach_device(
    driver: Driver, _connection: Connection, args: types.DomainAttachDeviceArgs
) -> None:
    await _attach(driver, driver.find(args.dom), args.xml, AffectFlags.LIVE)


@table.answers(Procedure.DOMAIN_ATTACH_DEVICE_FLAGS)
async def domain_attach_device_flags(
    driver: Driver, _connection: Connection, args: types.DomainAttachDeviceFlagsArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainAttachDeviceFlags")
    await _attach(driver, driver.find(args.dom), args.xml, args.flags)


async def _attach(driver: Driver, domain: DomainObject, xml: str, flags: int) -> None:
    live, _config = domain.affected(flags)
    tag, device = devices.parse_device(domain.inactive_definition, xml)
    if live:
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"live attach of device '{tag}' is not supported")
    await driver.definitions.reconfigure(
        domain, flags, lambda definition: devices.with_device(definition, tag, device)
    )


@table.answers(Procedure.DOMAIN_DETACH_DEVICE)
async def domain_detach_device(
    driver: Driver, _connection: Connection, args: types.DomainDetachDeviceArgs
) -> None:
    await _detach(driver, driver.find(args.dom), args.xml, AffectFlags.LIVE)


@table.answers(Procedure.DOMAIN_DETACH_DEVICE_FLAGS)
async def domain_detach_device_flags(
    driver: Driver, _connection: Connection, args: types.DomainDetachDeviceFlagsArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainDetachDeviceFlags")
    await _detach(driver, driver.find(args.dom), args.xml, args.flags)


async def _detach(driver: Driver, domain: DomainObject, xml: str, flags: int) -> None:
    live, _config = domain.affected(flags)
    tag, device = devices.parse_device(domain.inactive_definition, xml)
    if live:
        devices.find_device(domain.definition, tag, device)
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"live detach of device '{tag}' is not supported")
    await driver.definitions.reconfigure(
        domain, flags, lambda definition: devices.without_device(definition, tag, device)
    )


@table.answers(Procedure.DOMAIN_DETACH_DEVICE_ALIAS)
async def domain_detach_device_alias(
    driver: Driver, _connection: Connection, args: types.DomainDetachDeviceAliasArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainDetachDeviceAlias")
    domain = driver.find(args.dom)
    live, _config = domain.affected(args.flags)
    if live:
        tag, _device = devices.find_alias(domain.definition, args.alias)
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"live detach of device '{tag}' is not supported")

    def changed(definition: Domain) -> Domain:
        tag, device = devices.find_alias(definition, args.alias)
        return devices.without_device(definition, tag, device)

    await driver.definitions.reconfigure(domain, args.flags, changed)


@table.answers(Procedure.DOMAIN_UPDATE_DEVICE_FLAGS)
async def domain_update_device_flags(
    driver: Driver, _connection: Connection, args: types.DomainUpdateDeviceFlagsArgs
) -> None:
    check_flags(args.flags, _AFFECT | _FORCE, "virDomainUpdateDeviceFlags")
    domain = driver.find(args.dom)
    live, config = domain.affected(args.flags)
    tag, device = devices.parse_device(domain.inactive_definition, args.xml)

    def changed(definition: Domain) -> Domain:
        return devices.with_changed_device(definition, tag, device)

    async with domain.job():
        update = _live_update(domain, tag, device) if live else None
        await driver.definitions.change(
            domain,
            changed if config else None,
            update.change if update is not None else None,
            update.apply if update is not None else None,
        )


class _LiveUpdate:
    """A change of the running guest's definition, and the command that carries it out."""

    def __init__(
        self, change: Callable[[Domain], Domain], apply: Callable[[Domain], Awaitable[None]]
    ) -> None:
        self.change = change
        self.apply = apply


def _live_update(domain: DomainObject, tag: str, device: Any) -> _LiveUpdate:
    """The state of a card's link and the limits of a disk can change; nothing else may differ."""
    current = devices.find_device(domain.definition, tag, device)
    commands: list[tuple[str, dict[str, object]]] = []
    if isinstance(device, Interface):
        wanted = replace(current, link_state=device.link_state)
        commands.append(("set_link", {"name": current.alias, "up": device.link_state != "down"}))
    elif isinstance(device, Disk):
        wanted = replace(current, iotune=device.iotune)
        commands.append(("block_set_io_throttle", throttle_arguments(wanted)))
    else:
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"live update of device '{tag}' is not supported")
    differing = [
        name
        for name in type(device).__slots__
        if getattr(device, name) not in (None, getattr(wanted, name), _default(device, name))
    ]
    if differing:
        raise failure(
            ErrorCode.OPERATION_UNSUPPORTED,
            f"cannot change '{differing[0]}' of device '{tag}' while the guest runs",
        )

    async def apply(_definition: Domain) -> None:
        for command, arguments in commands:
            await domain.execute(command, **arguments)

    def change(definition: Domain) -> Domain:
        return devices.with_changed_device(definition, tag, wanted)

    return _LiveUpdate(change, apply)


def _default(device: Any, name: str) -> object:
    return type(device).__dataclass_fields__[name].default
