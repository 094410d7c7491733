"""What CPUID says of the caches, where a domain's <cache> wants other than the host's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kvmctl.host.cpumodel.cpuid import SIGNIFICANT_INDEX, CpuidEntry

_DETERMINISTIC: Final = 4
_AMD_DETERMINISTIC: Final = 0x8000_001D
_DESCRIPTORS: Final = 2
_AMD_SIZES: Final = (0x8000_0005, 0x8000_0006)
_NONE_BUT_IN_LEAF_4: Final = 0x00FF_FF01

_LINE: Final = 64
_SELF_INITIALISING: Final = 1 << 8
_DATA, _CODE, _UNIFIED = 1, 2, 3

# Type, level, bytes, ways, inclusive of the lower levels.
_EMULATED: Final = (
    (_DATA, 1, 32 << 10, 8, False),
    (_CODE, 1, 32 << 10, 8, False),
    (_UNIFIED, 2, 4 << 20, 16, False),
    (_UNIFIED, 3, 16 << 20, 16, True),
)


def without(entries: Iterable[CpuidEntry]) -> list[CpuidEntry]:
    """No cache at all."""
    gone = (_DETERMINISTIC, _AMD_DETERMINISTIC, *_AMD_SIZES)
    empty = {"eax": 0, "ebx": 0, "ecx": 0, "edx": 0}
    return [
        replace(entry, **empty)
        if entry.function in gone
        else replace(entry, **empty | {"eax": 1})
        if entry.function == _DESCRIPTORS
        else entry
        for entry in entries
    ]


def emulated(entries: Iterable[CpuidEntry]) -> list[CpuidEntry]:
    """A modest processor's, the same on every host (Intel SDM volume 2A, CPUID leaf 4)."""
    kept = []
    tables = set()
    for entry in entries:
        if entry.function in (_DETERMINISTIC, _AMD_DETERMINISTIC):
            if entry.index == 0 and entry.eax & 0x1F:
                tables.add(entry.function)
            continue
        if entry.function == _DESCRIPTORS:
            entry = replace(entry, eax=_NONE_BUT_IN_LEAF_4, ebx=0, ecx=0, edx=0)
        kept.append(entry)
    return kept + [entry for table in sorted(tables) for entry in _table(table)]


def _table(leaf: int) -> list[CpuidEntry]:
    found = []
    for at, (kind, level, size, ways, inclusive) in enumerate(_EMULATED):
        eax = kind | level << 5 | _SELF_INITIALISING
        ebx = (ways - 1) << 22 | _LINE - 1
        sets = size // ways // _LINE
        found.append(CpuidEntry(leaf, at, SIGNIFICANT_INDEX, eax, ebx, sets - 1, inclusive << 1))
    return [*found, CpuidEntry(leaf, len(found), SIGNIFICANT_INDEX, 0, 0, 0, 0)]
