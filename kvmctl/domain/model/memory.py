# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Memory Backing", "Memory Tuning" and "NUMA Node Tuning"."""

from dataclasses import dataclass, replace
from typing import Self

from kvmctl.domain.binding import many, one, presence, size, value
from kvmctl.domain.codecs import UINT, Unsigned, choice
from kvmctl.domain.cpuset import CPU_SET

_POLICY = choice("strict", "preferred", "interleave")
_WHOLE = choice("strict", "preferred", "interleave", "restrictive")
"""A control group holds all of a process, so that restrictive is for all of the memory only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memtune:
    """formatdomain, "Memory Tuning": limits of the whole process, in bytes."""

    hard_limit: int | None = size("hard_limit", default=None)
    soft_limit: int | None = size("soft_limit", default=None)
    swap_hard_limit: int | None = size("swap_hard_limit", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePage:
    """Bytes of a page, and the guest's NUMA cells that have such pages; None for all the others."""

    size: int = size("@size")
    nodeset: frozenset[int] | None = value("@nodeset", CPU_SET, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hugepages:
    """Huge pages of the host; with no page named, of its default size."""

    pages: tuple[HugePage, ...] = many("page", HugePage)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBacking:
    """formatdomain, "Memory Backing"."""

    hugepages: Hugepages | None = one("hugepages", Hugepages, default=None)
    nosharepages: bool = presence("nosharepages")
    locked: bool = presence("locked")
    source_type: str | None = value("source/@type", choice("anonymous", "memfd"), default=None)
    access_mode: str | None = value("access/@mode", choice("shared", "private"), default=None)
    allocation_mode: str | None = value("allocation/@mode", choice("immediate", "ondemand"), default=None)
    allocation_threads: int | None = value("allocation/@threads", Unsigned(2**31 - 1, 1), default=None)
    discard: bool = presence("discard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memnode:
    """Where the memory of one of the guest's NUMA cells comes from."""

    cellid: int = value("@cellid", UINT)
    mode: str = value("@mode", _POLICY)
    nodeset: frozenset[int] = value("@nodeset", CPU_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numatune:
    """formatdomain, "NUMA Node Tuning": the host's nodes that the memory comes from."""

    mode: str | None = value("memory/@mode", _WHOLE, default=None)
    nodeset: frozenset[int] | None = value("memory/@nodeset", CPU_SET, default=None)
    placement: str | None = value("memory/@placement", choice("static"), default=None)
    memnodes: tuple[Memnode, ...] = many("memnode", Memnode)

    def after_parse(self) -> Self:
        """A set says that the placement is static."""
        return replace(self, placement=None) if self.nodeset is not None else self
