"""virDomain: shares of the host's processors, and the host's NUMA nodes that the memory comes from."""

from dataclasses import replace
from typing import Any

from kvmctl.domain import Domain
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.cpuset import CPU_SET
from kvmctl.driver import tuning
from kvmctl.driver.constants import AffectFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY, limited, understood, validated
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

table = Table()

_AFFECT = AffectFlags.LIVE | AffectFlags.CONFIG
# VIR_DOMAIN_SCHEDULER_*, with the field of <cputune> and of a running guest's limits that each one is.
_FIELDS = {
    "cpu_shares": ("shares", "cpu_shares", ParamType.ULLONG),
    "vcpu_period": ("period", "vcpu_period", ParamType.ULLONG),
    "vcpu_quota": ("quota", "vcpu_quota", ParamType.LLONG),
    "emulator_period": ("emulator_period", "emulator_period", ParamType.ULLONG),
    "emulator_quota": ("emulator_quota", "emulator_quota", ParamType.LLONG),
    "global_period": ("global_period", "global_period", ParamType.ULLONG),
    "global_quota": ("global_quota", "global_quota", ParamType.LLONG),
}
_TYPES = {name: kind for name, (_, _, kind) in _FIELDS.items()}
_DEFAULTS = {"cpu_shares": 1024, "period": 100_000, "quota": -1}
# The bounds of libvirt's QEMU driver, in microseconds.
_PERIODS = range(1000, 1_000_001)
_QUOTAS = range(1000, 18446744073709552)


@table.answers(Procedure.DOMAIN_GET_SCHEDULER_TYPE)
def domain_get_scheduler_type(
    driver: Driver, _connection: Connection, args: types.DomainGetSchedulerTypeArgs
) -> types.DomainGetSchedulerTypeRet:
    driver.find(args.dom)
    return types.DomainGetSchedulerTypeRet(type="posix", nparams=len(_FIELDS))


async def _parameters(driver: Driver, domain: DomainObject, flags: int) -> list[TypedParam]:
    live, config = domain.affected(flags)
    if live and config:
        domain.queried(flags)
    limits = None
    cputune = domain.inactive_definition.cputune
    if live:
        limits = await tuning.scheduler(domain, driver.paths)
        cputune = domain.definition.cputune
    params = []
    for name, (declared, live_field, kind) in _FIELDS.items():
        value = getattr(limits, live_field) if limits is not None else None
        if value is None:
            value = getattr(cputune, declared)
        if value is None:
            value = _DEFAULTS[name if name in _DEFAULTS else name.rpartition("_")[2]]
        params.append(TypedParam.of(name, kind, value))
    return params


@table.answers(Procedure.DOMAIN_GET_SCHEDULER_PARAMETERS)
async def domain_get_scheduler_parameters(
    driver: Driver, _connection: Connection, args: types.DomainGetSchedulerParametersArgs
) -> types.DomainGetSchedulerParametersRet:
    params = await _parameters(driver, driver.find(args.dom), 0)
    return types.DomainGetSchedulerParametersRet(params=limited(params, args.nparams))


@table.answers(Procedure.DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS)
async def domain_get_scheduler_parameters_flags(
    driver: Driver, _connection: Connection, args: types.DomainGetSchedulerParametersFlagsArgs
) -> types.DomainGetSchedulerParametersFlagsRet:
    check_flags(args.flags, _AFFECT | TYPED_STRING_OKAY, "virDomainGetSchedulerParametersFlags")
    params = await _parameters(driver, driver.find(args.dom), args.flags)
    return types.DomainGetSchedulerParametersFlagsRet(params=limited(params, args.nparams))


@table.answers(Procedure.DOMAIN_SET_SCHEDULER_PARAMETERS)
async def domain_set_scheduler_parameters(
    driver: Driver, _connection: Connection, args: types.DomainSetSchedulerParametersArgs
) -> None:
    await _set_parameters(driver, driver.find(args.dom), args.params, 0)


@table.answers(Procedure.DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS)
async def domain_set_scheduler_parameters_flags(
    driver: Driver, _connection: Connection, args: types.DomainSetSchedulerParametersFlagsArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainSetSchedulerParametersFlags")
    await _set_parameters(driver, driver.find(args.dom), args.params, args.flags)


async def _set_parameters(
    driver: Driver, domain: DomainObject, params: tuple[TypedParam, ...], flags: int
) -> None:
    values = {name: int(value) for name, value in validated(params, _TYPES).items()}
    for name, value in values.items():
        _check_range(name, value)
    live, _config = domain.affected(flags)

    def changed(definition: Domain) -> Domain:
        fields: dict[str, Any] = {_FIELDS[name][0]: value for name, value in values.items()}
        return replace(definition, cputune=replace(definition.cputune, **fields))

    async def apply(_wanted: Domain) -> None:
        change = tuning.Scheduler(**{_FIELDS[name][1]: value for name, value in values.items()})
        await tuning.set_scheduler(domain, driver.paths, change)

    await driver.definitions.reconfigure(domain, flags, changed, apply)
    if live and values:
        driver.events.tunable(
            domain, [TypedParam.of(f"cputune.{name}", _TYPES[name], value) for name, value in values.items()]
        )


def _check_range(name: str, value: int) -> None:
    """0 takes a period back to the default, a negative quota is none."""
    bounds = None
    if name.endswith("_period") and value != 0:
        bounds = _PERIODS
    elif name.endswith("_quota") and value > 0:
        bounds = _QUOTAS
    if bounds is not None and value not in bounds:
        raise failure(
            ErrorCode.INVALID_ARG,
            f"value of '{name}' is out of range [{bounds.start}, {bounds.stop - 1}]",
        )


# NUMA (virDomainSetNumaParameters)

_MODES = ("strict", "preferred", "interleave", "restrictive")  # virDomainNumatuneMemMode
_NUMA_TYPES = {"numa_mode": ParamType.INT, "numa_nodeset": ParamType.STRING}


@table.answers(Procedure.DOMAIN_GET_NUMA_PARAMETERS)
def domain_get_numa_parameters(
    driver: Driver, _connection: Connection, args: types.DomainGetNumaParametersArgs
) -> types.DomainGetNumaParametersRet:
    check_flags(args.flags, _AFFECT | TYPED_STRING_OKAY, "virDomainGetNumaParameters")
    numatune = driver.find(args.dom).queried(args.flags).numatune
    params = understood(
        [
            TypedParam.of("numa_mode", ParamType.INT, _MODES.index(numatune.mode or "strict")),
            TypedParam.of("numa_nodeset", ParamType.STRING, CPU_SET.format(numatune.nodeset or ())),
        ],
        args.flags,
    )
    return types.DomainGetNumaParametersRet(params=limited(params, args.nparams), nparams=len(params))


@table.answers(Procedure.DOMAIN_SET_NUMA_PARAMETERS)
async def domain_set_numa_parameters(
    driver: Driver, _connection: Connection, args: types.DomainSetNumaParametersArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainSetNumaParameters")
    domain = driver.find(args.dom)
    values = validated(args.params, _NUMA_TYPES)
    mode = None
    if "numa_mode" in values:
        number = int(values["numa_mode"])
        if number not in range(len(_MODES)):
            raise failure(ErrorCode.INVALID_ARG, f"unsupported numatune mode: '{number}'")
        mode = _MODES[number]
    nodeset = None
    if "numa_nodeset" in values:
        try:
            nodeset = CPU_SET.parse(str(values["numa_nodeset"]))
        except BadValueError:
            raise failure(
                ErrorCode.INVALID_ARG, f"Failed to parse bitmap '{values['numa_nodeset']}'"
            ) from None
    live, _config = domain.affected(args.flags)
    if live:
        current = domain.definition.numatune
        if mode is not None and mode != (current.mode or "strict"):
            raise failure(ErrorCode.OPERATION_INVALID, "can't change numatune mode for running domain")
        if nodeset is not None and nodeset != current.nodeset:
            raise failure(
                ErrorCode.OPERATION_UNSUPPORTED,
                "the memory of a running guest cannot be moved to other nodes; use --config",
            )

    def changed(definition: Domain) -> Domain:
        numatune = replace(
            definition.numatune,
            mode=mode or definition.numatune.mode or "strict",
            nodeset=nodeset or definition.numatune.nodeset,
            placement="static",
        )
        return replace(definition, numatune=numatune)

    await driver.definitions.reconfigure(domain, args.flags, changed)
