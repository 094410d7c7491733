# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "CPU model and topology"."""

import re
from dataclasses import dataclass, replace
from typing import Self

from kvmctl.domain.binding import many, one, size, value
from kvmctl.domain.codecs import LINE, ON_OFF, UINT, YES_NO, Text, Unsigned, choice
from kvmctl.domain.cpuset import CPU_SET

_COUNT = Unsigned(2**31 - 1, 1)
_FEATURE = Text("a CPU feature's name", re.compile(r"[a-zA-Z0-9\-_.]+"))
_VENDOR_ID = Text("12 characters without a comma", re.compile(r"[^,\n\r\t]{12}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What the guest's processors look like; their product is the greatest number of vCPUs."""

    sockets: int = value("@sockets", _COUNT)
    dies: int | None = value("@dies", _COUNT, default=None)
    """Of a socket; None for one."""
    cores: int = value("@cores", _COUNT)
    threads: int = value("@threads", _COUNT)

    @property
    def vcpus(self) -> int:
        return self.sockets * (self.dies or 1) * self.cores * self.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCache:
    """What CPUID says of the caches."""

    level: int | None = value("@level", Unsigned(3, 1), default=None)
    mode: str = value("@mode", choice("emulate", "passthrough", "disable"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPhysAddr:
    """The width of the guest's physical addresses."""

    mode: str = value("@mode", choice("emulate", "passthrough"))
    bits: int | None = value("@bits", UINT, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuFeature:
    policy: str = value(
        "@policy",
        choice("force", "require", "optional", "disable", "forbid"),
        default="require",
        stated=True,
    )
    name: str = value("@name", _FEATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """The distance to another cell, as in ACPI's SLIT: 10 is local."""

    id: int = value("@id", UINT)
    value: int = value("@value", Unsigned(255, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaCell:
    """A NUMA node of the guest."""

    id: int | None = value("@id", UINT, default=None)
    """None for its place among the cells."""
    cpus: frozenset[int] | None = value("@cpus", CPU_SET, default=None)
    memory: int = size("@memory")
    """Bytes."""
    mem_access: str | None = value("@memAccess", choice("shared", "private"), default=None)
    discard: bool | None = value("@discard", YES_NO, default=None)
    distances: tuple[Sibling, ...] = many("distances/sibling", Sibling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """formatdomain, "CPU model and topology": what CPUID tells the guest, and its NUMA nodes."""

    mode: str | None = value(
        "@mode", choice("custom", "host-model", "host-passthrough", "maximum"), default=None
    )
    """None says custom."""
    match: str | None = value("@match", choice("minimum", "exact", "strict"), default=None)
    check: str | None = value("@check", choice("none", "partial", "full"), default=None)
    migratable: bool | None = value("@migratable", ON_OFF, default=None)
    model: str | None = value("model", LINE, default=None)
    fallback: str | None = value("model/@fallback", choice("allow", "forbid"), default=None)
    vendor_id: str | None = value("model/@vendor_id", _VENDOR_ID, default=None)
    """What CPUID shows as the maker."""
    vendor: str | None = value("vendor", LINE, default=None)
    """Whose processor the host has to have."""
    topology: Topology | None = one("topology", Topology, default=None)
    cache: CpuCache | None = one("cache", CpuCache, default=None)
    maxphysaddr: MaxPhysAddr | None = one("maxphysaddr", MaxPhysAddr, default=None)
    features: tuple[CpuFeature, ...] = many("feature", CpuFeature)
    cells: tuple[NumaCell, ...] = many("numa/cell", NumaCell)

    def after_parse(self) -> Self:
        """As libvirt, without the model where the host's processor is the model."""
        if self.mode not in ("host-passthrough", "maximum"):
            return self
        return replace(self, match=None, model=None, fallback=None, vendor_id=None, vendor=None)

    @property
    def cells_memory(self) -> int:
        """Bytes of all NUMA cells."""
        return sum(cell.memory for cell in self.cells)
