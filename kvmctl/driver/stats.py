"""The figures of virConnectGetAllDomainStats, a group a function (virDomainStatsTypes)."""

from collections.abc import AsyncIterator, Iterator
from enum import IntFlag

from kvmctl.driver import disks, nics
from kvmctl.driver.balloon import MemoryStat, current_memory, statistics
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.rpc import VirError
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.driver.vcpus import current_vcpus, vcpu_threads
from kvmctl.driver.vmprocess import cpu_times, resident_size, thread_cpu

_VCPU_RUNNING = 1  # VIR_VCPU_RUNNING


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


async def domain_stats(domain: DomainObject, groups: StatsGroup, *, ask: bool) -> list[TypedParam]:
    """``ask``: whether the guest's VMM may be asked. What fails leaves only its own figures out."""
    params: list[TypedParam] = []
    if StatsGroup.STATE in groups:
        params += [_int("state.state", domain.state), _int("state.reason", domain.reason)]
    if StatsGroup.CPU_TOTAL in groups and domain.run is not None:
        user, system = cpu_times(domain.run.process.pid)
        params += [_big("cpu.time", user + system), _big("cpu.user", user), _big("cpu.system", system)]
    for group, figures in _ASKING.items():
        if group in groups:
            try:
                params += [param async for param in figures(domain, ask)]
            except VirError:
                continue
    if StatsGroup.INTERFACE in groups and domain.active:
        params += _interfaces(domain)
    return params


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


async def _balloon(domain: DomainObject, ask: bool) -> AsyncIterator[TypedParam]:
    yield _big("balloon.current", current_memory(domain))
    yield _big("balloon.maximum", domain.definition.memory // 1024)
    if domain.run is None:
        return
    yield _big("balloon.rss", resident_size(domain.run.process.pid) // 1024)
    if ask:
        for tag, value in (await statistics(domain)).items():
            if tag in _BALLOON:
                yield _big(f"balloon.{_BALLOON[tag]}", value)


async def _vcpus(domain: DomainObject, ask: bool) -> AsyncIterator[TypedParam]:
    yield _uint("vcpu.current", current_vcpus(domain.definition))
    yield _uint("vcpu.maximum", domain.definition.vcpus)
    run = domain.run
    if run is None or not (ask or run.vcpu_threads):
        return
    for number, thread in (await vcpu_threads(domain)).items():
        yield _int(f"vcpu.{number}.state", _VCPU_RUNNING)
        yield _big(f"vcpu.{number}.time", thread_cpu(run.process.pid, thread)[0])


async def _blocks(domain: DomainObject, ask: bool) -> AsyncIterator[TypedParam]:
    definition = domain.definition
    traffic = await disks.traffic(domain) if domain.active and ask else {}
    yield _uint("block.count", len(definition.devices.disks))
    for number, disk in enumerate(definition.devices.disks):
        prefix = f"block.{number}"
        yield TypedParam.of(f"{prefix}.name", ParamType.STRING, disk.target)
        if disk.source is not None:
            yield TypedParam.of(f"{prefix}.path", ParamType.STRING, disk.source)
        if (passed := traffic.get(disk.alias or "")) is not None:
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


def _interfaces(domain: DomainObject) -> Iterator[TypedParam]:
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


_ASKING = {StatsGroup.BALLOON: _balloon, StatsGroup.VCPU: _vcpus, StatsGroup.BLOCK: _blocks}


def _int(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.INT, int(value))


def _uint(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.UINT, value)


def _big(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.ULLONG, value)
