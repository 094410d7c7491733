"""virDomain: how much memory, as the balloon has it, and what the guest may use of the host's."""

from dataclasses import replace

from kvmctl.domain import Domain
from kvmctl.driver import balloon, tuning
from kvmctl.driver.constants import AffectFlags, MemoryFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY, limited, validated
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.host.cgroup import UNLIMITED, MemoryLimits

table = Table()

_AFFECT = AffectFlags.LIVE | AffectFlags.CONFIG
_KIB = 1024
_PARAM_UNLIMITED = 9007199254740991  # VIR_DOMAIN_MEMORY_PARAM_UNLIMITED, KiB


@table.answers(Procedure.DOMAIN_GET_MAX_MEMORY)
def domain_get_max_memory(
    driver: Driver, _connection: Connection, args: types.DomainGetMaxMemoryArgs
) -> types.DomainGetMaxMemoryRet:
    return types.DomainGetMaxMemoryRet(memory=driver.find(args.dom).definition.memory // _KIB)


@table.answers(Procedure.DOMAIN_SET_MAX_MEMORY)
async def domain_set_max_memory(
    driver: Driver, _connection: Connection, args: types.DomainSetMaxMemoryArgs
) -> None:
    await _set_memory(driver, driver.find(args.dom), args.memory, MemoryFlags.MAXIMUM)


@table.answers(Procedure.DOMAIN_SET_MEMORY)
async def domain_set_memory(driver: Driver, _connection: Connection, args: types.DomainSetMemoryArgs) -> None:
    await _set_memory(driver, driver.find(args.dom), args.memory, MemoryFlags.LIVE)


@table.answers(Procedure.DOMAIN_SET_MEMORY_FLAGS)
async def domain_set_memory_flags(
    driver: Driver, _connection: Connection, args: types.DomainSetMemoryFlagsArgs
) -> None:
    known = MemoryFlags.LIVE | MemoryFlags.CONFIG | MemoryFlags.MAXIMUM
    check_flags(args.flags, known, "virDomainSetMemoryFlags")
    await _set_memory(driver, driver.find(args.dom), args.memory, MemoryFlags(args.flags))


async def _set_memory(driver: Driver, domain: DomainObject, kib: int, flags: MemoryFlags) -> None:
    if kib == 0:
        raise failure(ErrorCode.INVALID_ARG, "memory in virDomainSetMemoryFlags must not be zero")
    size = kib * _KIB
    live, config = domain.affected(flags)
    if MemoryFlags.MAXIMUM in flags:
        if live:
            raise failure(ErrorCode.OPERATION_INVALID, "cannot resize the maximum memory on an active domain")
        await driver.definitions.reconfigure(domain, flags, lambda old: _with_maximum(old, size))
        return
    for definition in (domain.live if live else None, domain.config if config else None):
        if definition is not None and size > definition.memory:
            raise failure(ErrorCode.INVALID_ARG, "cannot set memory higher than max memory")

    async def apply(_wanted: Domain) -> None:
        await balloon.set_size(domain, size)

    def changed(old: Domain) -> Domain:
        return replace(old, current_memory=size)

    async with domain.job():
        # What the guest gives is known by its BALLOON_CHANGE events.
        await driver.definitions.change(domain, changed if config else None, _same if live else None, apply)


def _same(definition: Domain) -> Domain:
    return definition


def _with_maximum(definition: Domain, size: int) -> Domain:
    current = definition.current_memory
    if current is not None and current > size:
        current = size
    return replace(definition, memory=size, current_memory=current)


@table.answers(Procedure.DOMAIN_MEMORY_STATS)
async def domain_memory_stats(
    driver: Driver, _connection: Connection, args: types.DomainMemoryStatsArgs
) -> types.DomainMemoryStatsRet:
    check_flags(args.flags, 0, "virDomainMemoryStats")
    domain = driver.find(args.dom)
    values = await balloon.statistics(domain)
    stats = tuple(types.DomainMemoryStat(tag=int(tag), val=value) for tag, value in values.items())
    return types.DomainMemoryStatsRet(stats=stats[: args.max_stats])


@table.answers(Procedure.DOMAIN_SET_MEMORY_STATS_PERIOD)
async def domain_set_memory_stats_period(
    driver: Driver, _connection: Connection, args: types.DomainSetMemoryStatsPeriodArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainSetMemoryStatsPeriod")
    if args.period < 0:
        raise failure(
            ErrorCode.INVALID_ARG, "period in virDomainSetMemoryStatsPeriod must be zero or greater"
        )
    domain = driver.find(args.dom)

    def changed(definition: Domain) -> Domain:
        device = definition.devices.memballoon
        if device is None or device.model == "none":
            raise failure(
                ErrorCode.OPERATION_INVALID,
                "No memory balloon device configured, can not set the collection period",
            )
        device = replace(device, stats_period=args.period or None)
        return replace(definition, devices=replace(definition.devices, memballoon=device))

    async def apply(_wanted: Domain) -> None:
        await balloon.set_period(domain, args.period)

    await driver.definitions.reconfigure(domain, args.flags, changed, apply)


# Limits of the whole process (virDomainSetMemoryParameters), KiB on the wire

_LIMITS = ("hard_limit", "soft_limit", "swap_hard_limit")


@table.answers(Procedure.DOMAIN_GET_MEMORY_PARAMETERS)
async def domain_get_memory_parameters(
    driver: Driver, _connection: Connection, args: types.DomainGetMemoryParametersArgs
) -> types.DomainGetMemoryParametersRet:
    check_flags(args.flags, _AFFECT | TYPED_STRING_OKAY, "virDomainGetMemoryParameters")
    domain = driver.find(args.dom)
    declared = domain.queried(args.flags).memtune
    live, _config = domain.affected(args.flags)
    held = await tuning.memory_limits(domain, driver.paths) if live else MemoryLimits()
    params = []
    for name in _LIMITS:
        value = getattr(held, name)
        if value is None:
            value = getattr(declared, name)
        kib = _PARAM_UNLIMITED if value is None or value == UNLIMITED else value // _KIB
        params.append(TypedParam.of(name, ParamType.ULLONG, kib))
    return types.DomainGetMemoryParametersRet(params=limited(params, args.nparams), nparams=len(params))


@table.answers(Procedure.DOMAIN_SET_MEMORY_PARAMETERS)
async def domain_set_memory_parameters(
    driver: Driver, _connection: Connection, args: types.DomainSetMemoryParametersArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainSetMemoryParameters")
    domain = driver.find(args.dom)
    values = validated(args.params, dict.fromkeys((*_LIMITS, "min_guarantee"), ParamType.ULLONG))
    if "min_guarantee" in values:
        raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, "parameter 'min_guarantee' not supported")
    limits: dict[str, int | None] = {
        name: None if int(value) >= _PARAM_UNLIMITED else int(value) * _KIB for name, value in values.items()
    }

    def changed(definition: Domain) -> Domain:
        memtune = replace(definition.memtune, **limits)
        hard, swap = memtune.hard_limit, memtune.swap_hard_limit
        if swap is not None and (hard is None or hard > swap):
            raise failure(
                ErrorCode.INVALID_ARG,
                "memory hard_limit tunable value must be lower than or equal to swap_hard_limit",
            )
        return replace(definition, memtune=memtune)

    async def apply(_wanted: Domain) -> None:
        change = {name: UNLIMITED if value is None else value for name, value in limits.items()}
        await tuning.set_memory_limits(domain, driver.paths, MemoryLimits(**change))

    await driver.definitions.reconfigure(domain, args.flags, changed, apply)
