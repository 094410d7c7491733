"""The CPUID leaves and registers that show a chosen processor; the topology is not among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kvmctl.host.cpumodel.choice import Choice, HostCpu, encode_signature
from kvmctl.host.cpumodel.cpuid import SIGNIFICANT_INDEX, CpuidEntry
from kvmctl.host.cpumodel.features import ARCH_CAPABILITIES, FEATURE_MSRS, PLACES, Place, known_bits, mask
from kvmctl.host.cpumodel.models import Model

_REGISTERS: Final = ("eax", "ebx", "ecx", "edx")
_BRAND_LEAVES: Final = (0x8000_0002, 0x8000_0003, 0x8000_0004)
_BRAND_SIZE: Final = 48
_HYPERVISOR_LEAVES: Final = range(0x4000_0000, 0x5000_0000)
_XSAVE_LEAF: Final = 0xD
_XSAVE_START: Final = 576
"""Bytes of the legacy area and the header (Intel SDM volume 1, 13.4)."""

# Leaves of a named model that hold more than feature bits, or none: cache and TLB, APIC timer, topology,
# XSAVE, frequencies, addresses. All else is the host's own, such as its performance counters, and reads as 0.
_KEPT_LEAVES: Final = frozenset(
    {0, 1, 2, 4, 0xB, _XSAVE_LEAF, 0x15, 0x16, 0x1F}
    | {0x8000_0000, 0x8000_0005, 0x8000_0006, 0x8000_0008, 0x8000_001D, 0x8000_001E}
)

# Leaves that tell more of a feature, and are kept with it.
_LEAVES_OF: Final[dict[str, tuple[int, ...]]] = {
    "monitor": (5,),
    "sgx": (0x12,),
    "intel-pt": (0x14,),
    "amx-tile": (0x1D, 0x1E),
    "svm": (0x8000_000A,),
}

# What makes a component of XSAVE's state there (Intel SDM volume 1, 13.1); x87 and SSE always are.
_XSAVE_COMPONENTS: Final[dict[str, tuple[int, ...]]] = {
    "avx": (2,),
    "mpx": (3, 4),
    "avx512f": (5, 6, 7),
    "pku": (9,),
    "amx-tile": (17, 18),
}

_LATER: Final = frozenset({"osxsave", "ospke", "ht", "cmp_legacy"})
"""Bits that KVM sets when the guest has turned on what they tell of, or that go with the topology."""


def guest_entries(choice: Choice, host: HostCpu) -> list[CpuidEntry]:
    """The leaves of every vCPU, from those that KVM supports."""
    features = choice.listed(host)
    entries = [_entry(entry, choice.model, features) for entry in _with_places(host.entries, features)]
    return _with_xsave(entries, features)


def guest_msrs(choice: Choice, host: HostCpu) -> dict[int, int]:
    """The registers that list capabilities, where a named model's guest is told to read them."""
    if choice.model is None:
        return {}
    shown = {}
    for number in FEATURE_MSRS:
        place = Place.of_msr(number, "eax")
        if number in host.msrs and (number != ARCH_CAPABILITIES or "arch-capabilities" in choice.features):
            shown[number] = mask(place, choice.listed(host))
    return shown


def _with_places(entries: Iterable[CpuidEntry], features: Iterable[str]) -> list[CpuidEntry]:
    """The leaves, and empty ones for forced features in leaves that KVM does not list."""
    wanted = list(features)
    found = list(entries)
    have = {(entry.function, entry.index) for entry in found}
    for place in PLACES:
        where = (place.leaf, place.index)
        if not place.msr and where not in have and mask(place, wanted):
            have.add(where)
            found.append(CpuidEntry(*where, SIGNIFICANT_INDEX if place.index else 0, 0, 0, 0, 0))
    return found


def _entry(entry: CpuidEntry, model: Model | None, features: frozenset[str]) -> CpuidEntry:
    named = model is not None
    if entry.function in _HYPERVISOR_LEAVES:
        return entry
    registers = {name: getattr(entry, name) for name in _REGISTERS}
    if named and entry.function not in _KEPT_LEAVES and not _details(entry, features):
        registers = dict.fromkeys(_REGISTERS, 0)
    for place in PLACES:
        if place.msr or (place.leaf, place.index) != (entry.function, entry.index):
            continue
        bits = mask(place, features - _LATER)
        unnamed = 0 if named else getattr(entry, place.register) & ~known_bits(place)
        registers[place.register] = bits | unnamed
    if model is not None:
        registers |= _identity(entry, model)
    return replace(entry, **registers)


def _details(entry: CpuidEntry, features: frozenset[str]) -> bool:
    return any(entry.function in leaves for name, leaves in _LEAVES_OF.items() if name in features)


def _identity(entry: CpuidEntry, model: Model) -> dict[str, int]:
    """Family and model of leaf 1, and the brand string; the vendor stays the host's, as its kernel does."""
    if entry.function == 1 and model.family is not None:
        return {"eax": encode_signature(model.family, model.numbers[0], model.steppings[0])}
    if entry.function == 7 and entry.index == 0:
        return {"eax": min(entry.eax, 1)}
    if entry.function in _BRAND_LEAVES:
        brand = f"Virtual CPU ({model.name})".encode().ljust(_BRAND_SIZE, b"\0")
        start = 16 * _BRAND_LEAVES.index(entry.function)
        return {
            name: int.from_bytes(brand[start + 4 * at : start + 4 * at + 4], "little")
            for at, name in enumerate(_REGISTERS)
        }
    return {}


def _with_xsave(entries: list[CpuidEntry], features: frozenset[str]) -> list[CpuidEntry]:
    """Leaf 0xD tells of the state of features that are there, and of nothing without XSAVE."""
    if "xsave" not in features:
        return [entry for entry in entries if entry.function != _XSAVE_LEAF]
    gone = {bit for name, bits in _XSAVE_COMPONENTS.items() if name not in features for bit in bits}
    kept = [entry for entry in entries if entry.function != _XSAVE_LEAF or entry.index not in gone]
    sizes = [
        entry.ebx + entry.eax
        for entry in kept
        if entry.function == _XSAVE_LEAF and entry.index >= 2 and not entry.ecx & 1
    ]
    total = max([_XSAVE_START, *sizes])
    absent = sum(1 << bit for bit in gone)
    return [
        replace(entry, eax=entry.eax & ~absent & 0xFFFF_FFFF, ebx=total, ecx=total)
        if entry.function == _XSAVE_LEAF and entry.index == 0
        else entry
        for entry in kept
    ]
