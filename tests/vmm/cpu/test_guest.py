"""From the domain's <cpu> to CPUID: what is checked, and what is put in."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kvmctl.backends import Unsupported
from kvmctl.backends.cpu import with_named_model
from kvmctl.domain import Domain, parse, with_defaults
from kvmctl.host.cpumodel import CpuidEntry
from kvmctl.host.cpumodel.choice import OURS
from kvmctl.host.cpumodel.features import present
from kvmctl.vmm.cpu import GuestCpu, GuestCpuError
from kvmctl.vmm.quirks import Quirks
from kvmctl.vmm.quirks.pvm import PvmQuirks
from tests.host.cpumodel.hosts import icelake


def domain(cpu: str, vcpus: str = "<vcpu>4</vcpu>", features: str = "") -> Domain:
    return with_defaults(
        parse(
            f"<domain type='kvm'><name>a</name><memory>65536</memory>{vcpus}"
            f"<os><type>hvm</type></os><features>{features}</features>{cpu}</domain>"
        )
    )


def guest(cpu: str, vcpus: str = "<vcpu>4</vcpu>", features: str = "") -> GuestCpu:
    return GuestCpu(domain(cpu, vcpus, features), icelake(), Quirks().cpuid)


def leaves(entries: Iterable[CpuidEntry]) -> dict[tuple[int, int], CpuidEntry]:
    return {(entry.function, entry.index): entry for entry in entries}


def test_without_a_topology_all_are_cores_of_one_socket() -> None:
    cpu = guest("")
    assert [cpu.topology.position(index).core for index in range(4)] == [0, 1, 2, 3]
    assert cpu.present == (0, 1, 2, 3)


def test_only_the_current_vcpus_are_there() -> None:
    assert guest("", "<vcpu current='2'>4</vcpu>").present == (0, 1)
    stated = "<vcpus><vcpu id='1' enabled='no' hotpluggable='yes'/><vcpu id='3' enabled='yes'/></vcpus>"
    assert guest("", f"<vcpu current='2'>4</vcpu>{stated}").present == (0, 3)


def test_apic_ids_end() -> None:
    wide = "<cpu mode='host-passthrough'><topology sockets='17' cores='3' threads='5'/></cpu>"
    with pytest.raises(GuestCpuError, match="needs APIC ids up to 532, 254 is the last"):
        guest(wide, "<vcpu>255</vcpu>")


def test_what_the_host_lacks_is_unsupported() -> None:
    xml = "<cpu mode='custom'><model>Skylake-Client</model><feature policy='require' name='amx-tile'/></cpu>"
    with pytest.raises(Unsupported, match=r"does not provide required features: .*amx-tile"):
        guest(xml)


def test_a_full_check_sees_what_the_quirks_hide() -> None:
    xml = "<cpu mode='custom' check='{}'><model>Nehalem</model></cpu>"
    GuestCpu(domain(xml.format("partial")), icelake(), PvmQuirks().cpuid)
    with pytest.raises(GuestCpuError, match=r"would lack required features on this host: .*popcnt"):
        GuestCpu(domain(xml.format("full")), icelake(), PvmQuirks().cpuid)
    assert guest(xml.format("full")).present == (0, 1, 2, 3)


def test_hints_and_hiding() -> None:
    shown = leaves(guest("").entries(0))
    assert shown[0x4000_0001, 0].eax & 1 << 7 and shown[0x4000_0001, 0].eax & 1 << 6
    tuned = leaves(
        guest(
            "",
            features="<apic eoi='off'/><pvspinlock state='off'/>"
            "<kvm><hint-dedicated state='on'/><pv-ipi state='off'/></kvm>",
        ).entries(0)
    )
    assert not tuned[0x4000_0001, 0].eax & (1 << 6 | 1 << 7 | 1 << 11)
    assert tuned[0x4000_0001, 0].edx == 1
    hidden = leaves(guest("", features="<kvm><hidden state='on'/></kvm><pmu state='off'/>").entries(0))
    assert not [where for where in hidden if 0x4000_0000 <= where[0] < 0x5000_0000 or where[0] == 0xA]


def test_a_guest_without_kvmclock_is_not_told_of_it() -> None:
    clock = "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>"
    bits = 1 << 0 | 1 << 3 | 1 << 24
    assert leaves(guest("").entries(0))[0x4000_0001, 0].eax & bits
    assert not leaves(guest(clock).entries(0))[0x4000_0001, 0].eax & bits


def test_performance_counters() -> None:
    model = "<cpu mode='custom'><model>Westmere</model></cpu>"
    for features, cpu, shown in (
        ("", "", True),
        ("<pmu state='off'/>", "", False),
        ("", model, False),
        ("<pmu state='on'/>", model, True),
    ):
        found = leaves(guest(cpu, features=features).entries(0))
        assert bool((0xA, 0) in found and found[0xA, 0].eax) == shown


def test_vendor_and_address_bits() -> None:
    xml = (
        "<cpu mode='custom'><model vendor_id='KVMKVMKVMKVM'>Westmere</model>"
        "<maxphysaddr mode='emulate' bits='40'/></cpu>"
    )
    found = leaves(guest(xml).entries(0))
    first = found[0, 0]
    words = (first.ebx, first.edx, first.ecx)
    assert b"".join(word.to_bytes(4, "little") for word in words) == b"KVMKVMKVMKVM"
    assert found[0x8000_0008, 0].eax == 0x3028
    with pytest.raises(GuestCpuError, match="60 bits of physical addresses are more than the host's 46"):
        guest(xml.replace("40", "60"))


@pytest.mark.parametrize("mode", ["host-passthrough", "host-model", "maximum"])
def test_modes_without_a_model_show_the_host(mode: str) -> None:
    cpu = guest(f"<cpu mode='{mode}'><feature policy='disable' name='avx2'/></cpu>")
    shown = present(cpu.entries(0), icelake().msrs)
    assert icelake().features - OURS - shown - {"avx2"} <= {"invtsc", "xsaves"}
    assert "avx2" not in shown


def test_a_host_model_has_a_name() -> None:
    xml = "<cpu mode='host-model'><topology sockets='1' cores='4' threads='1'/></cpu>"
    named = with_named_model(domain(xml), icelake()).cpu
    assert named is not None
    assert (named.mode, named.match, named.model, named.vendor) == (
        "custom",
        "exact",
        "Icelake-Server",
        "Intel",
    )
    assert named.topology is not None
    policies = {feature.name: feature.policy for feature in named.features}
    assert policies["rdpid"] == "require"
    plain = domain("<cpu mode='maximum'/>")
    assert with_named_model(plain, icelake()) is plain
