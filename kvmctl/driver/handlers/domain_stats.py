"""virDomain: figures of running guests, one at a time or of all domains at once."""

from collections.abc import Iterator
from enum import IntFlag
from uuid import UUID

from kvmctl.driver.constants import ListFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.events import wire_domain
from kvmctl.driver.handlers.domain_list import ALL_FILTERS, matches
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, VirError, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.driver.vcpus import vcpu_threads
from kvmctl.driver.vmprocess import cpu_times, resident_size, thread_cpu

table = Table()

_ACTUAL_BALLOON = 6  # VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON
_RSS = 7  # VIR_DOMAIN_MEMORY_STAT_RSS
_VCPU_RUNNING = 1  # VIR_VCPU_RUNNING

# virConnectGetAllDomainStatsFlags, beyond the filters of virConnectListAllDomains
_NOWAIT = 1 << 29
_BACKING = 1 << 30
_ENFORCE = 1 << 31


class StatsGroup(IntFlag):
    """virDomainStatsTypes, as far as there is something to say."""

    STATE = 1 << 0
    CPU_TOTAL = 1 << 1
    BALLOON = 1 << 2
    VCPU = 1 << 3


_KNOWN = StatsGroup.STATE | StatsGroup.CPU_TOTAL | StatsGroup.BALLOON | StatsGroup.VCPU


@table.answers(Procedure.CONNECT_GET_ALL_DOMAIN_STATS)
async def connect_get_all_domain_stats(
    driver: Driver, _connection: Connection, args: types.ConnectGetAllDomainStatsArgs
) -> types.ConnectGetAllDomainStatsRet:
    """Of the named domains, or of all that match the flags; unknown groups are left out unless enforced."""
    check_flags(args.flags, ALL_FILTERS | _NOWAIT | _BACKING | _ENFORCE, "virConnectGetAllDomainStats")
    if args.flags & _ENFORCE and args.stats & ~int(_KNOWN):
        unknown = args.stats & ~int(_KNOWN)
        raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, f"Stats types bits 0x{unknown:x} are not supported")
    groups = StatsGroup(args.stats & int(_KNOWN)) if args.stats else _KNOWN
    if args.doms:
        named = (driver.inventory.find(UUID(bytes=reference.uuid)) for reference in args.doms)
        domains = [domain for domain in named if domain is not None]
    else:
        domains = list(driver.inventory)
    chosen = [domain for domain in domains if matches(domain, ListFlags(args.flags & int(ALL_FILTERS)))]
    records = [
        types.DomainStatsRecord(dom=wire_domain(domain), params=tuple(await _stats(domain, groups)))
        for domain in chosen
    ]
    return types.ConnectGetAllDomainStatsRet(ret_stats=tuple(records))


async def _stats(domain: DomainObject, groups: StatsGroup) -> list[TypedParam]:
    params: list[TypedParam] = []
    if StatsGroup.STATE in groups:
        params += [_int("state.state", domain.state), _int("state.reason", domain.reason)]
    if StatsGroup.CPU_TOTAL in groups and domain.run is not None:
        user, system = cpu_times(domain.run.process.pid)
        params += [_big("cpu.time", user + system), _big("cpu.user", user), _big("cpu.system", system)]
    if StatsGroup.BALLOON in groups:
        params.append(_big("balloon.current", _current_memory(domain)))
        params.append(_big("balloon.maximum", domain.definition.memory // 1024))
        if domain.run is not None:
            params.append(_big("balloon.rss", resident_size(domain.run.process.pid) // 1024))
    if StatsGroup.VCPU in groups:
        count = domain.definition.vcpus
        params += [
            _uint("vcpu.current", domain.definition.vcpus_current or count),
            _uint("vcpu.maximum", count),
        ]
        params += await _vcpu_stats(domain)
    return params


async def _vcpu_stats(domain: DomainObject) -> list[TypedParam]:
    """Nothing for a guest that does not answer: the other figures are still worth having."""
    run = domain.run
    if run is None:
        return []
    try:
        threads = await vcpu_threads(domain)
    except VirError:
        return []
    return [
        param
        for number, thread in threads.items()
        for param in _vcpu(number, thread_cpu(run.process.pid, thread)[0])
    ]


def _vcpu(number: int, nanoseconds: int) -> Iterator[TypedParam]:
    yield _int(f"vcpu.{number}.state", _VCPU_RUNNING)
    yield _big(f"vcpu.{number}.time", nanoseconds)


def _current_memory(domain: DomainObject) -> int:
    definition = domain.definition
    current = definition.memory if definition.current_memory is None else definition.current_memory
    return current // 1024


def _int(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.INT, int(value))


def _uint(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.UINT, value)


def _big(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.ULLONG, value)
