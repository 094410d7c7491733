"""The CPUID leaves of one vCPU: those of its guest's processor, with its own place in the topology.

Leaf layouts: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kvmctl.host.cpumodel.cpuid import SIGNIFICANT_INDEX, CpuidEntry
from kvmctl.vmm.cpu.topology import Topology

LEAF1_ECX_TSC_DEADLINE: Final = 1 << 24
LEAF1_ECX_HYPERVISOR: Final = 1 << 31
LEAF1_EDX_HTT: Final = 1 << 28
_AMD_ECX_CMP_LEGACY: Final = 1 << 1
_AMD: Final = (b"AuthenticAMD", b"HygonGenuine")

_TOPOLOGY: Final = 0x0B
_TOPOLOGY_V2: Final = 0x1F
_SMT: Final = 1
_CORE: Final = 2
_DIE: Final = 5
_L3: Final = 3


def for_vcpu(entries: Iterable[CpuidEntry], topology: Topology, index: int) -> list[CpuidEntry]:
    """The leaves of the vCPU `index`, from those that all of its guest's have in common."""
    common = list(entries)
    apic_id = topology.apic_id(index)
    amd = _vendor(common) in _AMD
    leaves = [
        _placed(entry, topology, apic_id, amd)
        for entry in common
        if entry.function not in (_TOPOLOGY, _TOPOLOGY_V2)
    ]
    most = max((entry.eax for entry in common if entry.function == 0), default=0)
    if most >= _TOPOLOGY:
        levels = [(_SMT, topology.core_shift, topology.threads)]
        levels.append((_CORE, topology.package_shift, topology.per_package))
        leaves += _levels(_TOPOLOGY, levels, apic_id)
    if most >= _TOPOLOGY_V2:
        levels = [(_SMT, topology.core_shift, topology.threads)]
        if topology.dies > 1:
            levels.append((_CORE, topology.die_shift, topology.cores * topology.threads))
            levels.append((_DIE, topology.package_shift, topology.per_package))
        else:
            levels.append((_CORE, topology.package_shift, topology.per_package))
        leaves += _levels(_TOPOLOGY_V2, levels, apic_id)
    return leaves


def _vendor(entries: list[CpuidEntry]) -> bytes:
    for entry in entries:
        if entry.function == 0:
            return b"".join(word.to_bytes(4, "little") for word in (entry.ebx, entry.edx, entry.ecx))
    return b""


def _placed(entry: CpuidEntry, topology: Topology, apic_id: int, amd: bool) -> CpuidEntry:
    several = topology.per_package > 1
    package = 1 << topology.package_shift
    match entry.function:
        case 1:
            ebx = entry.ebx & 0x0000_FFFF | min(package, 0xFF) << 16 | (apic_id & 0xFF) << 24
            return replace(entry, ebx=ebx, edx=_with(entry.edx, LEAF1_EDX_HTT, several))
        case 4 if entry.eax & 0x1F:
            cores = package >> topology.core_shift
            eax = entry.eax & 0x3FFF | _sharing(entry.eax, topology) << 14 | min(cores - 1, 63) << 26
            return replace(entry, eax=eax)
        case 0x8000_0001 if amd:
            return replace(entry, ecx=_with(entry.ecx, _AMD_ECX_CMP_LEGACY, several))
        case 0x8000_0008 if amd:
            ecx = entry.ecx & ~0xFFFF | topology.package_shift << 12 | min(topology.per_package - 1, 0xFF)
            return replace(entry, ecx=ecx)
        case 0x8000_001D if entry.eax & 0x1F:
            return replace(entry, eax=entry.eax & 0x3FFF | _sharing(entry.eax, topology) << 14)
        case 0x8000_001E if amd:
            core = (apic_id & package - 1) >> topology.core_shift
            node = apic_id >> topology.die_shift
            ebx = (topology.threads - 1) << 8 | core & 0xFF
            return replace(entry, eax=apic_id, ebx=ebx, ecx=(topology.dies - 1) << 8 | node & 0xFF)
    return entry


def _with(register: int, bit: int, wanted: bool) -> int:
    return register | bit if wanted else register & ~bit


def _sharing(eax: int, topology: Topology) -> int:
    """How many APIC ids, less one, share a cache: the third level is a die's, the others are a core's."""
    shift = topology.die_shift if eax >> 5 & 7 >= _L3 else topology.core_shift
    return (1 << shift) - 1


def _levels(leaf: int, levels: list[tuple[int, int, int]], apic_id: int) -> list[CpuidEntry]:
    """Extended topology enumeration: type, shift to the next level's id, and logical processors."""
    found = [
        CpuidEntry(leaf, at, SIGNIFICANT_INDEX, shift, count, at | kind << 8, apic_id)
        for at, (kind, shift, count) in enumerate(levels)
    ]
    return [*found, CpuidEntry(leaf, len(found), SIGNIFICANT_INDEX, 0, 0, len(found), apic_id)]
