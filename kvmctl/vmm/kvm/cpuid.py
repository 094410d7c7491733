"""The CPUID leaves that a guest sees: what KVM supports, with the guest's own topology.

Leaf layouts: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; the leaves from 0x40000000:
Linux Documentation/virt/kvm/x86/cpuid.rst.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from kvmctl.vmm.kvm import abi

LEAF1_ECX_X2APIC: Final = 1 << 21
LEAF1_ECX_TSC_DEADLINE: Final = 1 << 24
LEAF1_ECX_HYPERVISOR: Final = 1 << 31
LEAF1_EDX_HTT: Final = 1 << 28
KVM_FEATURES_LEAF: Final = 0x4000_0001

_LEVEL_THREAD: Final = 1
_LEVEL_CORE: Final = 2
_TOPOLOGY_LEAVES: Final = (0x0B, 0x1F)


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

    @classmethod
    def from_abi(cls, entry: abi.CpuidEntry2) -> CpuidEntry:
        return cls(entry.function, entry.index, entry.flags, entry.eax, entry.ebx, entry.ecx, entry.edx)

    def to_abi(self) -> abi.CpuidEntry2:
        return abi.CpuidEntry2(self.function, self.index, self.flags, self.eax, self.ebx, self.ecx, self.edx)


def apic_id_bits(vcpus: int) -> int:
    """Bits of the APIC id that number the cores of the one socket."""
    return (vcpus - 1).bit_length()


def physical_bits(entries: Iterable[CpuidEntry]) -> int:
    """MAXPHYADDR; 36 where no leaf tells it (Intel SDM volume 3, 4.1.4)."""
    return next((entry.eax & 0xFF for entry in entries if entry.function == 0x8000_0008), 36)


def for_vcpu(
    supported: Iterable[CpuidEntry], apic_id: int, vcpus: int, *, tsc_deadline: bool
) -> list[CpuidEntry]:
    """The leaves for the vCPU `apic_id` of a guest whose `vcpus` are the cores of one socket."""
    supported = list(supported)
    leaves = [
        _with_topology(entry, apic_id, vcpus, tsc_deadline)
        for entry in supported
        if entry.function not in _TOPOLOGY_LEAVES
    ]
    max_leaf = max((entry.eax for entry in supported if entry.function == 0), default=0)
    for leaf in _TOPOLOGY_LEAVES:
        if leaf <= max_leaf:
            leaves += _topology_leaf(leaf, apic_id, vcpus)
    return leaves


def _with_topology(entry: CpuidEntry, apic_id: int, vcpus: int, tsc_deadline: bool) -> CpuidEntry:
    id_space = 1 << apic_id_bits(vcpus)
    if entry.function == 1:
        ebx = entry.ebx & 0x0000_FFFF | min(id_space, 255) << 16 | (apic_id & 0xFF) << 24
        ecx = entry.ecx | LEAF1_ECX_HYPERVISOR
        # KVM supports the deadline timer of its in-kernel APIC without listing it here.
        ecx = ecx | LEAF1_ECX_TSC_DEADLINE if tsc_deadline else ecx & ~LEAF1_ECX_TSC_DEADLINE
        edx = entry.edx | LEAF1_EDX_HTT if vcpus > 1 else entry.edx & ~LEAF1_EDX_HTT
        return replace(entry, ebx=ebx, ecx=ecx, edx=edx)
    if entry.function == 4 and entry.eax & 0x1F:
        level = entry.eax >> 5 & 7
        shared = id_space - 1 if level >= 3 else 0
        eax = entry.eax & 0x3FFF | shared << 14 | min(id_space - 1, 63) << 26
        return replace(entry, eax=eax)
    if entry.function == 0x8000_0008:
        ecx = entry.ecx & ~0xFFFF | apic_id_bits(vcpus) << 12 | min(vcpus - 1, 0xFF)
        return replace(entry, ecx=ecx)
    if entry.function == 0x8000_001E:
        return replace(entry, eax=apic_id, ebx=apic_id & 0xFF, ecx=0)
    return entry


def _topology_leaf(leaf: int, apic_id: int, vcpus: int) -> list[CpuidEntry]:
    """Extended topology enumeration: one thread a core, all cores in one package."""
    flag = abi.CPUID_FLAG_SIGNIFICANT_INDEX
    bits = apic_id_bits(vcpus)
    return [
        CpuidEntry(leaf, 0, flag, 0, 1, 0 | _LEVEL_THREAD << 8, apic_id),
        CpuidEntry(leaf, 1, flag, bits, vcpus, 1 | _LEVEL_CORE << 8, apic_id),
        CpuidEntry(leaf, 2, flag, 0, 0, 2, apic_id),
    ]
