"""The CPUID of each vCPU: every way to read the topology gives the one that the domain asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmctl.host.cpumodel import CpuidEntry
from kvmctl.vmm.cpu import Topology
from kvmctl.vmm.cpu.caches import emulated, without
from kvmctl.vmm.cpu.leaves import LEAF1_EDX_HTT, for_vcpu

INTEL = {"ebx": 0x756E_6547, "edx": 0x4965_6E69, "ecx": 0x6C65_746E}
AMD = {"ebx": 0x6874_7541, "edx": 0x6974_6E65, "ecx": 0x444D_4163}


def leaf(function: int, index: int = 0, **registers: int) -> CpuidEntry:
    values = {"flags": 0, "eax": 0, "ebx": 0, "ecx": 0, "edx": 0} | registers
    return CpuidEntry(function, index, **values)


def host(vendor: dict[str, int]) -> list[CpuidEntry]:
    return [
        leaf(0, eax=0x1F, **vendor),
        leaf(1, ebx=0x0A00_0B00, edx=0xFFFF_FFFF),
        leaf(2, eax=0x00FE_FF01),
        leaf(4, 0, eax=0xFC00_C121, ebx=0x02C0_003F, ecx=63),
        leaf(4, 1, eax=0xFC00_C163, ebx=0x02C0_003F, ecx=63),
        leaf(0xB, eax=7, ebx=99),
        leaf(0x1F, eax=7, ebx=99),
        leaf(0x8000_0001),
        leaf(0x8000_0008, eax=0x302E, ecx=0xFFFF),
        leaf(0x8000_001D, 0, eax=0x0000_C163, ebx=0x02C0_003F, ecx=63),
        leaf(0x8000_001E, eax=77, ebx=77, ecx=77),
    ]


COUNTS = st.integers(1, 6)
TOPOLOGIES = st.builds(Topology, st.integers(1, 3), st.integers(1, 3), COUNTS, st.integers(1, 3)).filter(
    lambda topology: topology.apic_id(topology.sockets * topology.per_package - 1) <= 254
)


@st.composite
def vcpus(draw: st.DrawFn) -> tuple[Topology, int]:
    topology = draw(TOPOLOGIES)
    return topology, draw(st.integers(0, topology.sockets * topology.per_package - 1))


@given(TOPOLOGIES)
def test_apic_ids_are_unique_and_ascend(topology: Topology) -> None:
    count = topology.sockets * topology.per_package
    ids = [topology.apic_id(index) for index in range(count)]
    assert ids == sorted(set(ids))
    positions = {topology.position(index) for index in range(count)}
    assert len(positions) == count


@given(vcpus())
def test_intel(vcpu: tuple[Topology, int]) -> None:
    topology, index = vcpu
    apic_id, at = topology.apic_id(index), topology.position(index)
    found = {(entry.function, entry.index): entry for entry in for_vcpu(host(INTEL), topology, index)}
    first = found[1, 0]
    assert first.ebx >> 24 == apic_id
    assert first.ebx & 0xFFFF == 0x0B00
    assert bool(first.edx & LEAF1_EDX_HTT) == (topology.per_package > 1)
    # Linux without leaf 0xB: ids in a package, over cores in a package, are the threads of a core.
    package, cores = first.ebx >> 16 & 0xFF, (found[4, 0].eax >> 26) + 1
    assert package // cores == 1 << topology.core_shift
    assert apic_id // package == at.socket
    # The first level of cache is a core's, the third a die's.
    assert apic_id // ((found[4, 0].eax >> 14 & 0xFFF) + 1) == apic_id >> topology.core_shift
    assert apic_id // ((found[4, 1].eax >> 14 & 0xFFF) + 1) == apic_id >> topology.die_shift
    threads, all_cores, end = (found[0xB, number] for number in range(3))
    assert (threads.ebx, threads.ecx) == (topology.threads, 1 << 8)
    assert apic_id & (1 << threads.eax) - 1 == at.thread
    assert (all_cores.ebx, all_cores.ecx) == (topology.per_package, 2 << 8 | 1)
    assert apic_id >> all_cores.eax == at.socket
    assert (end.ebx, end.ecx) == (0, 2)
    levels = [found[0x1F, number] for number in range(4 if topology.dies > 1 else 3)]
    assert {entry.edx for entry in levels} == {apic_id}
    assert [entry.ecx >> 8 for entry in levels] == ([1, 2, 5, 0] if topology.dies > 1 else [1, 2, 0])
    assert apic_id >> levels[-2].eax == at.socket
    if topology.dies > 1:
        assert apic_id >> levels[1].eax == at.socket << levels[2].eax - levels[1].eax | at.die
    assert not found[0x8000_0001, 0].ecx


@given(vcpus())
def test_amd(vcpu: tuple[Topology, int]) -> None:
    topology, index = vcpu
    apic_id, at = topology.apic_id(index), topology.position(index)
    found = {(entry.function, entry.index): entry for entry in for_vcpu(host(AMD), topology, index)}
    sizes = found[0x8000_0008, 0]
    assert (sizes.ecx & 0xFF) + 1 == topology.per_package
    assert apic_id >> (sizes.ecx >> 12 & 0xF) == at.socket
    assert bool(found[0x8000_0001, 0].ecx & 2) == (topology.per_package > 1)
    own = found[0x8000_001E, 0]
    assert own.eax == apic_id
    assert (own.ebx >> 8) + 1 == topology.threads
    assert own.ebx & (1 << topology.die_shift - topology.core_shift) - 1 == at.core
    assert (own.ecx >> 8) + 1 == topology.dies
    assert apic_id // ((found[0x8000_001D, 0].eax >> 14 & 0xFFF) + 1) == apic_id >> topology.die_shift


def test_emulated_caches_are_four() -> None:
    for table in (4, 0x8000_001D):
        caches = [entry for entry in emulated(host(INTEL)) if entry.function == table]
        sizes = [
            ((entry.ebx >> 22) + 1) * ((entry.ebx & 0xFFF) + 1) * (entry.ecx + 1) for entry in caches[:-1]
        ]
        assert sizes == [32 << 10, 32 << 10, 4 << 20, 16 << 20]
        assert [entry.eax & 0x1F for entry in caches] == [1, 2, 3, 3, 0]
        assert [entry.index for entry in caches] == list(range(5))


def test_no_caches() -> None:
    found = {(entry.function, entry.index): entry for entry in without(host(AMD))}
    assert not found[4, 0].eax
    assert not found[0x8000_001D, 0].eax
    assert found[2, 0].eax == 1
    assert found[1, 0] == host(AMD)[1]
