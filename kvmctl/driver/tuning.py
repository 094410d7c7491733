"""What a running guest may use of the host: processors, processor time, memory.

Works on the VMM's threads and control groups alone; who calls holds the domain's lock and notes the change in
the live definition. Everything raises wire errors.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from kvmctl.backends import Descriptors
from kvmctl.domain import Domain
from kvmctl.domain.cpuset import CPU_SET
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vcpus import vcpu_threads
from kvmctl.host import affinity
from kvmctl.host.cgroup import (
    MEMBERS,
    CgroupError,
    CpuLimits,
    MemoryLimits,
    Scope,
    given,
    scope_name,
)

PARTITION: Final = "/machine"
"""Where guests' groups are that name no other place, as for libvirt's drivers."""
_TOP_PARTITIONS: Final = ("machine", "system", "user")
_EMULATOR: Final = "emulator"

log = logging.getLogger(__name__)


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
    except ValueError as error:
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"{action}: {error}") from error
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
    partition = PurePath(PARTITION if live.partition is None else live.partition)
    parts = [
        part if at == 1 and part in _TOP_PARTITIONS else _suffixed(part) for at, part in _parts(partition)
    ]
    return Scope("/".join([*parts, scope_name(prefix, live.id or 0, live.name)]))


def _parts(partition: PurePath) -> list[tuple[int, str]]:
    return list(enumerate(partition.parts))[1:]


def _suffixed(part: str) -> str:
    """As libvirt has it, so that no partition's name clashes with a file of the kernel's (docs/cgroups)."""
    return part if "." in part else f"{part}.partition"


def confine(live: Domain, paths: Paths, descriptors: Descriptors) -> None:
    """Make the control groups that a guest is to start in, with their limits; its VMM moves itself there.

    What the domain limits needs its controller. Without limits, the system's guests are put into groups all
    the same, so that limits can come later and count from the start; those of sessions are not.
    """
    limits = _whole_limits(live)
    memory = _memory_limits(live)
    nodes = CPU_SET.format(live.numatune.nodeset or frozenset())
    needed = {
        "cpu": given(limits) or given(_vcpu_limits(live)) or given(_emulator_limits(live)),
        "memory": given(memory),
    }
    if live.numatune.mode == "restrictive":
        needed["cpuset"] = True
    scope = scope_of(live, paths)
    settings: dict[str, Callable[[], None]] = {
        "cpu": lambda: scope.set_cpu(limits),
        "memory": lambda: scope.set_memory(memory),
        "cpuset": lambda: scope.set_nodes(nodes),
    }
    for controller, required in needed.items():
        required = required or live.partition is not None
        if not required and (paths.session or (controller == "cpu" and _has_realtime(live))):
            continue
        try:
            if live.partition is not None:
                scope.require_parent(controller)
            scope.create(controller)
            settings[controller]()
            descriptors.add(f"{MEMBERS}{controller}", scope.open_members(controller))
        except CgroupError as error:
            if required:
                raise failure(ErrorCode.CONFIG_UNSUPPORTED, str(error)) from error
            log.debug("domain %s runs without limits: %s", live.name, error)


def _has_realtime(live: Domain) -> bool:
    """Such threads need real-time bandwidth, of which a new group has none (sched-rt-group.rst)."""
    tune = live.cputune
    chosen = [sched.scheduler for sched in tune.vcpuscheds]
    if tune.emulatorsched is not None:
        chosen.append(tune.emulatorsched.scheduler)
    return any(scheduler in affinity.REALTIME for scheduler in chosen)


def _whole_limits(live: Domain) -> CpuLimits:
    tune = live.cputune
    return CpuLimits(shares=tune.shares, period=tune.global_period, quota=tune.global_quota)


def _vcpu_limits(live: Domain) -> CpuLimits:
    return CpuLimits(period=live.cputune.period, quota=live.cputune.quota)


def _emulator_limits(live: Domain) -> CpuLimits:
    return CpuLimits(period=live.cputune.emulator_period, quota=live.cputune.emulator_quota)


def _memory_limits(live: Domain) -> MemoryLimits:
    tune = live.memtune
    return MemoryLimits(
        hard_limit=tune.hard_limit, soft_limit=tune.soft_limit, swap_hard_limit=tune.swap_hard_limit
    )


async def apply(domain: DomainObject, paths: Paths) -> None:
    """Pins, schedulers and the limits of single threads, for a guest whose vCPUs do not run yet."""
    live = domain.definition
    tune = live.cputune
    await set_scheduler(
        domain,
        paths,
        Scheduler(
            vcpu_period=tune.period,
            vcpu_quota=tune.quota,
            emulator_period=tune.emulator_period,
            emulator_quota=tune.emulator_quota,
        ),
    )
    emulator = live.vcpu_cpuset if tune.emulatorpin is None else tune.emulatorpin.cpuset
    if emulator is not None:
        await pin_emulator(domain, emulator)
    pins = {pin.vcpu: pin.cpuset for pin in tune.vcpupins}
    for vcpu, thread in (await vcpu_threads(domain)).items() if pins or live.vcpu_cpuset else ():
        cpus = pins.get(vcpu, live.vcpu_cpuset)
        if cpus is not None:
            with _system_errors(f"cannot pin vCPU {vcpu}"):
                affinity.pin(thread, cpus)
    await _apply_schedulers(domain)


async def _apply_schedulers(domain: DomainObject) -> None:
    tune = domain.definition.cputune
    if tune.emulatorsched is not None:
        sched = tune.emulatorsched
        for thread in await _emulator_threads(domain):
            with _system_errors(f"cannot set the scheduler '{sched.scheduler}' of the emulator"):
                affinity.set_scheduler(thread, sched.scheduler, sched.priority or 0)
    for of_vcpus in tune.vcpuscheds:
        for vcpu, thread in (await vcpu_threads(domain)).items():
            if of_vcpus.vcpus is None or vcpu in of_vcpus.vcpus:
                with _system_errors(f"cannot set the scheduler '{of_vcpus.scheduler}' of vCPU {vcpu}"):
                    affinity.set_scheduler(thread, of_vcpus.scheduler, of_vcpus.priority or 0)


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
