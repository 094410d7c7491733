"""CPUID leaves as values (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ENTRY: Final = struct.Struct("=10I")
"""struct kvm_cpuid_entry2: function, index, flags, the four registers, padding."""
SIGNIFICANT_INDEX: Final = 1
"""KVM_CPUID_FLAG_SIGNIFCANT_INDEX: the leaf has sub-leaves."""

KVM_SIGNATURE_LEAF: Final = 0x4000_0000
KVM_FEATURES_LEAF: Final = 0x4000_0001
"""Linux Documentation/virt/kvm/x86/cpuid.rst."""


@dataclass(frozen=True, slots=True)
class CpuidEntry:
    """One leaf (and sub-leaf) of CPUID."""

    function: int
    index: int
    flags: int
    eax: int
    ebx: int
    ecx: int
    edx: int

    def pack(self) -> bytes:
        registers = (self.eax, self.ebx, self.ecx, self.edx)
        return ENTRY.pack(self.function, self.index, self.flags, *registers, 0, 0, 0)


def unpack(data: bytes | bytearray | memoryview) -> list[CpuidEntry]:
    """The entries of a whole array of struct kvm_cpuid_entry2."""
    return [CpuidEntry(*fields[:7]) for fields in ENTRY.iter_unpack(data)]


def physical_bits(entries: Iterable[CpuidEntry]) -> int:
    """MAXPHYADDR; 36 where no leaf tells it (Intel SDM volume 3, 4.1.4)."""
    return next((entry.eax & 0xFF for entry in entries if entry.function == 0x8000_0008), 36)
