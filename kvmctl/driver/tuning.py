"""What a running guest may use of the host: processors, processor time, memory.

Works on the VMM's threads and control groups alone; who calls holds the domain's lock and notes the change in
the live definition. Everything raises wire errors.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from kvmctl.domain import Domain
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vcpus import vcpu_threads
from kvmctl.host import affinity
from kvmctl.host.cgroup import CgroupError, CpuLimits, MemoryLimits, Scope, given, scope_name

PARTITION: Final = "/machine"
"""Where guests' groups are that name no other place, as for libvirt's drivers."""
_EMULATOR: Final = "emulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """virTypedParameters of virDomainGetSchedulerParameters; in a change, None leaves a value as it is."""

    cpu_shares: int | None = None
    """Of the whole guest."""
    global_period: int | None = None
    """Of the whole guest; periods and quotas are microseconds, a negative quota is none."""
    global_quota: int | None = None
    vcpu_period: int | None = None
    """Of each vCPU."""
    vcpu_quota: int | None = None
    emulator_period: int | None = None
    """Of the guest's other threads together."""
    emulator_quota: int | None = None


# pinning


async def vcpu_affinity(domain: DomainObject, vcpu: int) -> frozenset[int]:
    """The host processors that a vCPU may run on."""
    thread = await _vcpu_thread(domain, vcpu)
    with _system_errors(f"cannot get the affinity of vCPU {vcpu}"):
        return affinity.cpus_of(thread)


async def pin_vcpu(domain: DomainObject, vcpu: int, cpus: Iterable[int]) -> None:
    thread = await _vcpu_thread(domain, vcpu)
    with _system_errors(f"cannot pin vCPU {vcpu}"):
        affinity.pin(thread, cpus)


async def emulator_affinity(domain: DomainObject) -> frozenset[int]:
    """Of the VMM's main thread, which stands for all that run no vCPU."""
    with _system_errors("cannot get the affinity of the emulator"):
        return affinity.cpus_of(domain.require_run().process.pid)


async def pin_emulator(domain: DomainObject, cpus: Iterable[int]) -> None:
    """All threads but those of the vCPUs; the ones to come take after the main thread."""
    wanted = frozenset(cpus)
    for thread in await _emulator_threads(domain):
        with _system_errors("cannot pin the emulator"):
            affinity.pin(thread, wanted)


async def _vcpu_thread(domain: DomainObject, vcpu: int) -> int:
    threads = await vcpu_threads(domain)
    if vcpu not in threads:
        raise failure(ErrorCode.INVALID_ARG, f"vcpu {vcpu} is not present in live config")
    return threads[vcpu]


async def _emulator_threads(domain: DomainObject) -> list[int]:
    pid = domain.require_run().process.pid
    vcpus = set((await vcpu_threads(domain)).values())
    # The main thread first: what it starts from then on comes out right.
    return sorted(set(affinity.threads(pid)) - vcpus, key=lambda thread: (thread != pid, thread))


@contextmanager
def _system_errors(action: str) -> Iterator[None]:
    try:
        yield
    except ProcessLookupError as error:
        raise failure(ErrorCode.OPERATION_FAILED, f"{action}: the thread has ended") from error
    except OSError as error:
        raise system_failure(error, action) from error


# control groups


def scope_of(live: Domain, paths: Paths) -> Scope:
    """The control groups of a guest, by its id and name.

    Session daemons may have guests of the same id and name: their run directory tells them apart.
    """
    prefix = "kvmctl"
    if paths.session:
        prefix += "-" + hashlib.sha256(bytes(paths.run)).hexdigest()[:8]
    return Scope(f"{PARTITION.strip('/')}/{scope_name(prefix, live.id or 0, live.name)}")


async def scheduler(domain: DomainObject, paths: Paths) -> Scheduler:
    """What holds; None for what no control group limits."""
    with _cgroup_errors():
        scope = _running_scope(domain, paths)
        if not scope.exists("cpu"):
            return Scheduler()
        whole = scope.cpu()
        vcpu = scope.cpu("vcpu0") if scope.exists("cpu", "vcpu0") else CpuLimits()
        emulator = scope.cpu(_EMULATOR) if scope.exists("cpu", _EMULATOR) else CpuLimits()
        return Scheduler(
            cpu_shares=whole.shares,
            global_period=whole.period,
            global_quota=whole.quota,
            vcpu_period=vcpu.period,
            vcpu_quota=vcpu.quota,
            emulator_period=emulator.period,
            emulator_quota=emulator.quota,
        )


async def set_scheduler(domain: DomainObject, paths: Paths, change: Scheduler) -> None:
    """Raises VIR_ERR_OPERATION_UNSUPPORTED without the `cpu` controller, and what it refuses."""
    whole = CpuLimits(shares=change.cpu_shares, period=change.global_period, quota=change.global_quota)
    vcpu = CpuLimits(period=change.vcpu_period, quota=change.vcpu_quota)
    emulator = CpuLimits(period=change.emulator_period, quota=change.emulator_quota)
    if not (given(whole) or given(vcpu) or given(emulator)):
        return
    vcpus = await vcpu_threads(domain)
    others = await _emulator_threads(domain)
    with _cgroup_errors():
        scope = _running_scope(domain, paths)
        if not scope.exists("cpu"):
            scope.move("cpu", domain.require_run().process.pid)
        scope.set_cpu(whole)
        if given(vcpu):
            for number, thread in vcpus.items():
                scope.add_threads(f"vcpu{number}", [thread])
                scope.set_cpu(vcpu, f"vcpu{number}")
        if given(emulator):
            scope.add_threads(_EMULATOR, others)
            scope.set_cpu(emulator, _EMULATOR)


async def memory_limits(domain: DomainObject, paths: Paths) -> MemoryLimits:
    """What holds; all None where no control group counts the guest's memory."""
    with _cgroup_errors():
        scope = _running_scope(domain, paths)
        return scope.memory() if scope.exists("memory") else MemoryLimits()


async def set_memory_limits(domain: DomainObject, paths: Paths, change: MemoryLimits) -> None:
    """Bytes. Raises VIR_ERR_OPERATION_UNSUPPORTED without the `memory` controller, and what it refuses."""
    if not given(change):
        return
    with _cgroup_errors():
        scope = _running_scope(domain, paths)
        if not scope.exists("memory"):
            scope.move("memory", domain.require_run().process.pid)
        scope.set_memory(change)


def _running_scope(domain: DomainObject, paths: Paths) -> Scope:
    domain.require_run()
    return scope_of(domain.definition, paths)


@contextmanager
def _cgroup_errors() -> Iterator[None]:
    try:
        yield
    except CgroupError as error:
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, str(error)) from error
