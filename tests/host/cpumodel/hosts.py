"""Processors that KVM could offer, made of their features."""

from __future__ import annotations

from collections.abc import Iterable

from kvmctl.host.cpumodel import MODELS, VENDORS, CpuidEntry, HostCpu
from kvmctl.host.cpumodel.choice import encode_signature
from kvmctl.host.cpumodel.cpuid import SIGNIFICANT_INDEX
from kvmctl.host.cpumodel.features import FEATURE_MSRS, PLACES, Place, mask

_REGISTERS = ("eax", "ebx", "ecx", "edx")


def host(
    features: Iterable[str],
    *,
    vendor: str = "Intel",
    signature: tuple[int, int, int] = (6, 106, 6),
    max_leaf: int = 0x1F,
) -> HostCpu:
    names = frozenset(features)
    string = VENDORS[vendor].encode()
    ebx, edx, ecx = (int.from_bytes(string[at : at + 4], "little") for at in (0, 4, 8))
    leaves: dict[tuple[int, int], dict[str, int]] = {
        (0, 0): {"eax": max_leaf, "ebx": ebx, "ecx": ecx, "edx": edx},
        (1, 0): {"eax": encode_signature(*signature)},
        (4, 0): {"eax": 0xFC00_C121},
        (7, 0): {"eax": 2},
        (0xA, 0): {"eax": 0x0830_0803},
        (0xD, 0): {"eax": 0x2E7, "ebx": 0xA88, "ecx": 0xA88},
        (0xD, 2): {"eax": 0x100, "ebx": 0x240},
        (0xD, 5): {"eax": 0x40, "ebx": 0x440},
        (0xD, 6): {"eax": 0x200, "ebx": 0x480},
        (0xD, 7): {"eax": 0x400, "ebx": 0x680},
        (0xD, 9): {"eax": 0x8, "ebx": 0xA80},
        (0x4000_0000, 0): {"eax": 0x4000_0001},
        (0x4000_0001, 0): {"eax": 0x0100_FEFB},
        (0x8000_0002, 0): {"eax": 0x6574_6E49},
        (0x8000_0008, 0): {"eax": 0x302E},
        (0x8000_000A, 0): {"eax": 1, "ebx": 16},
    }
    for place in PLACES:
        if not place.msr:
            registers = leaves.setdefault((place.leaf, place.index), {})
            registers[place.register] = registers.get(place.register, 0) | mask(place, names)
    entries = [
        CpuidEntry(*where, SIGNIFICANT_INDEX if where[0] in (4, 7, 0xD) else 0, *_values(registers))
        for where, registers in leaves.items()
    ]
    msrs = {number: mask(Place.of_msr(number, "eax"), names) for number in FEATURE_MSRS}
    return HostCpu.of(entries, msrs, tsc_deadline=True)


def _values(registers: dict[str, int]) -> list[int]:
    return [registers.get(name, 0) for name in _REGISTERS]


def icelake() -> HostCpu:
    """A host of the model Icelake-Server, with a few features more."""
    return host(MODELS["Icelake-Server"].features | {"fsrm", "rdpid", "invtsc", "xsaves"})
