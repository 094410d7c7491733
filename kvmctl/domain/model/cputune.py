# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "CPU Tuning"."""

from dataclasses import dataclass

from kvmctl.domain.binding import many, one, value
from kvmctl.domain.codecs import UINT, ULONG, Signed, Unsigned, choice
from kvmctl.domain.cpuset import CPU_SET

_QUOTA = Signed(-1, 17592186044415)
_PRIORITY = Unsigned(2**16 - 1)
_SCHEDULER = choice("batch", "idle", "fifo", "rr")


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuPin:
    """The host's processors that a vCPU may run on."""

    vcpu: int = value("@vcpu", UINT)
    cpuset: frozenset[int] = value("@cpuset", CPU_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorPin:
    """The host's processors that the other threads may run on."""

    cpuset: frozenset[int] = value("@cpuset", CPU_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSched:
    """sched_setscheduler(2) for the threads that are no vCPUs."""

    scheduler: str = value("@scheduler", _SCHEDULER)
    priority: int | None = value("@priority", _PRIORITY, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuSched:
    """sched_setscheduler(2) for the threads of some vCPUs."""

    vcpus: frozenset[int] = value("@vcpus", CPU_SET)
    scheduler: str = value("@scheduler", _SCHEDULER)
    priority: int | None = value("@priority", _PRIORITY, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cputune:
    """formatdomain, "CPU Tuning". Periods and quotas are in microseconds; a quota of -1 is none."""

    shares: int | None = value("shares", UINT, default=None)
    period: int | None = value("period", ULONG, default=None)
    """Of each vCPU, as the quota."""
    quota: int | None = value("quota", _QUOTA, default=None)
    global_period: int | None = value("global_period", ULONG, default=None)
    """Of the whole guest."""
    global_quota: int | None = value("global_quota", _QUOTA, default=None)
    emulator_period: int | None = value("emulator_period", ULONG, default=None)
    """Of the threads that are no vCPUs."""
    emulator_quota: int | None = value("emulator_quota", _QUOTA, default=None)
    vcpupins: tuple[VcpuPin, ...] = many("vcpupin", VcpuPin)
    emulatorpin: EmulatorPin | None = one("emulatorpin", EmulatorPin, default=None)
    emulatorsched: EmulatorSched | None = one("emulatorsched", EmulatorSched, default=None)
    vcpuscheds: tuple[VcpuSched, ...] = many("vcpusched", VcpuSched)
