"""The figures of virConnectGetAllDomainStats, a group a function (virDomainStatsTypes)."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final, TypeVar

from kvmctl.driver import disks, nics
from kvmctl.driver.balloon import MemoryStat, current_memory, statistics
from kvmctl.driver.disks import DiskTraffic
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.kvmstats import Counters, typed, vcpu_counters
from kvmctl.driver.rpc import VirError
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.driver.vcpus import current_vcpus, vcpu_threads
from kvmctl.driver.vmprocess import cpu_times, resident_size, thread_cpu

_VCPU_RUNNING = 1  # VIR_VCPU_RUNNING

T = TypeVar("T")


class StatsGroup(IntFlag):
    """virDomainStatsTypes, as far as there is something to say."""

    STATE = 1 << 0
    CPU_TOTAL = 1 << 1
    BALLOON = 1 << 2
    VCPU = 1 << 3
    INTERFACE = 1 << 4
    BLOCK = 1 << 5


KNOWN = (
    StatsGroup.STATE
    | StatsGroup.CPU_TOTAL
    | StatsGroup.BALLOON
    | StatsGroup.VCPU
    | StatsGroup.INTERFACE
    | StatsGroup.BLOCK
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What only the guest's VMM knows."""

    balloon: Mapping[MemoryStat, int] = field(default_factory=dict)
    disks: Mapping[str, DiskTraffic] = field(default_factory=dict)
    """By alias."""
    vcpus: Counters = field(default_factory=dict)


NOTHING: Final = Asked()


async def ask(domain: DomainObject, groups: StatsGroup) -> Asked:
    """For these groups; what fails leaves only its own figures out."""
    balloon: Mapping[MemoryStat, int] = {}
    traffic: Mapping[str, DiskTraffic] = {}
    counters: Counters = {}
    if groups & StatsGroup.VCPU:
        await _or_else(vcpu_threads(domain), None)
        counters = await _or_else(vcpu_counters(domain), counters)
    if groups & StatsGroup.BALLOON:
        balloon = await _or_else(statistics(domain), balloon)
    if groups & StatsGroup.BLOCK and domain.definition.devices.disks:
        traffic = await _or_else(disks.traffic(domain), traffic)
    return Asked(balloon, traffic, counters)


async def _or_else(answer: Awaitable[T], otherwise: T) -> T:
    try:
        return await answer
    except VirError:
        return otherwise


Figures = Callable[[DomainObject, Asked], Iterable[TypedParam]]
"""Of one group. Never waits: a host has a thousand domains, most of which do not run."""


def figures_of(groups: StatsGroup) -> list[Figures]:
    return [figures for group, figures in _FIGURES.items() if group in groups]


def _state(domain: DomainObject, _asked: Asked) -> Iterable[TypedParam]:
    return _int("state.state", domain.state), _int("state.reason", domain.reason)


def _cpu_total(domain: DomainObject, _asked: Asked) -> Iterable[TypedParam]:
    if domain.run is None:
        return ()
    user, system = cpu_times(domain.run.process.pid)
    return _big("cpu.time", user + system), _big("cpu.user", user), _big("cpu.system", system)


_BALLOON = {
    MemoryStat.SWAP_IN: "swap_in",
    MemoryStat.SWAP_OUT: "swap_out",
    MemoryStat.MAJOR_FAULT: "major_fault",
    MemoryStat.MINOR_FAULT: "minor_fault",
    MemoryStat.UNUSED: "unused",
    MemoryStat.AVAILABLE: "available",
    MemoryStat.USABLE: "usable",
    MemoryStat.LAST_UPDATE: "last-update",
    MemoryStat.DISK_CACHES: "disk_caches",
    MemoryStat.HUGETLB_PGALLOC: "hugetlb_pgalloc",
    MemoryStat.HUGETLB_PGFAIL: "hugetlb_pgfail",
}


def _balloon(domain: DomainObject, asked: Asked) -> Iterator[TypedParam]:
    yield _big("balloon.current", current_memory(domain))
    yield _big("balloon.maximum", domain.definition.memory // 1024)
    if domain.run is None:
        return
    yield _big("balloon.rss", resident_size(domain.run.process.pid) // 1024)
    for tag, value in asked.balloon.items():
        if tag in _BALLOON:
            yield _big(f"balloon.{_BALLOON[tag]}", value)


def _vcpus(domain: DomainObject, asked: Asked) -> Iterator[TypedParam]:
    definition = domain.definition
    yield _uint("vcpu.current", current_vcpus(definition))
    yield _uint("vcpu.maximum", definition.vcpus)
    run = domain.run
    if run is None or run.vcpu_threads is None:
        return
    for number, thread in run.vcpu_threads.items():
        yield _int(f"vcpu.{number}.state", _VCPU_RUNNING)
        yield _big(f"vcpu.{number}.time", thread_cpu(run.process.pid, thread)[0])
        yield from typed(f"vcpu.{number}", asked.vcpus.get(number, {}))


def _blocks(domain: DomainObject, asked: Asked) -> Iterator[TypedParam]:
    definition = domain.definition
    yield _uint("block.count", len(definition.devices.disks))
    for number, disk in enumerate(definition.devices.disks):
        prefix = f"block.{number}"
        yield TypedParam.of(f"{prefix}.name", ParamType.STRING, disk.target)
        if disk.source is not None:
            yield TypedParam.of(f"{prefix}.path", ParamType.STRING, disk.source)
        if (passed := asked.disks.get(disk.alias or "")) is not None:
            yield _big(f"{prefix}.rd.reqs", passed.rd_operations)
            yield _big(f"{prefix}.rd.bytes", passed.rd_bytes)
            yield _big(f"{prefix}.rd.times", passed.rd_total_times)
            yield _big(f"{prefix}.wr.reqs", passed.wr_operations)
            yield _big(f"{prefix}.wr.bytes", passed.wr_bytes)
            yield _big(f"{prefix}.wr.times", passed.wr_total_times)
            yield _big(f"{prefix}.fl.reqs", passed.flush_operations)
            yield _big(f"{prefix}.fl.times", passed.flush_total_times)
        try:
            size = disks.image_size(disk)
        except VirError:
            continue
        yield _big(f"{prefix}.allocation", size.allocation)
        yield _big(f"{prefix}.capacity", size.capacity)
        yield _big(f"{prefix}.physical", size.physical)


def _interfaces(domain: DomainObject, _asked: Asked) -> Iterator[TypedParam]:
    if not domain.active:
        return
    interfaces = domain.definition.devices.interfaces
    yield _uint("net.count", len(interfaces))
    for number, interface in enumerate(interfaces):
        prefix = f"net.{number}"
        if interface.target is not None:
            yield TypedParam.of(f"{prefix}.name", ParamType.STRING, interface.target)
        passed = nics.traffic(interface)
        if passed is None:
            continue
        yield _big(f"{prefix}.rx.bytes", passed.rx_bytes)
        yield _big(f"{prefix}.rx.pkts", passed.rx_packets)
        yield _big(f"{prefix}.rx.errs", passed.rx_errors)
        yield _big(f"{prefix}.rx.drop", passed.rx_dropped)
        yield _big(f"{prefix}.tx.bytes", passed.tx_bytes)
        yield _big(f"{prefix}.tx.pkts", passed.tx_packets)
        yield _big(f"{prefix}.tx.errs", passed.tx_errors)
        yield _big(f"{prefix}.tx.drop", passed.tx_dropped)


_FIGURES: Final[Mapping[StatsGroup, Figures]] = {
    StatsGroup.STATE: _state,
    StatsGroup.CPU_TOTAL: _cpu_total,
    StatsGroup.BALLOON: _balloon,
    StatsGroup.VCPU: _vcpus,
    StatsGroup.INTERFACE: _interfaces,
    StatsGroup.BLOCK: _blocks,
}


def _int(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.INT, int(value))


def _uint(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.UINT, value)


def _big(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.ULLONG, value)
