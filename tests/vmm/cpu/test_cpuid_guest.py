"""What a guest reads from CPUID."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmctl.host import kvm
from kvmctl.host.cpumodel import VENDORS
from kvmctl.host.cpumodel.choice import decode_signature
from tests.guests.flat.build import build
from tests.vmm.conftest import VmmStarter

pytestmark = pytest.mark.kvm

CPU = """<cpu mode='custom' match='exact' check='partial'><model>Nehalem</model>
<topology sockets='1' cores='2' threads='2'/><feature policy='disable' name='lahf_lm'/>
<feature policy='force' name='sse4a'/></cpu>"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("cpuid", tmp_path_factory.mktemp("cpuid"))


def read(start_vmm: VmmStarter, program: Path, cpu: str) -> dict[tuple[int, int], tuple[int, ...]]:
    vmm = start_vmm(program, vcpus=4, policies=cpu)
    assert vmm.wait() == 0, vmm.log()
    rows = [[int(word, 16) for word in line.split()] for line in vmm.output().splitlines()]
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def test_a_named_model(start_vmm: VmmStarter, program: Path) -> None:
    leaves = read(start_vmm, program, CPU)
    _most, ebx, ecx, edx = leaves[0, 0]
    vendor = b"".join(word.to_bytes(4, "little") for word in (ebx, edx, ecx)).decode()
    assert vendor == VENDORS[kvm.host_cpu().vendor or ""]
    assert decode_signature(leaves[1, 0][0])[:2] == (6, 26)
    brand = b"".join(word.to_bytes(4, "little") for at in (2, 3, 4) for word in leaves[0x8000_0000 + at, 0])
    assert brand.rstrip(b"\0") == b"Virtual CPU (Nehalem)"
    assert leaves[1, 0][1] >> 16 & 0xFF == 4, "logical processors of the socket"
    assert leaves[1, 0][1] >> 24 == 0, "the boot processor's APIC id"
    extended = leaves[0x8000_0001, 0]
    assert not extended[2] & 1 << 0, "LAHF is disabled"
    assert extended[2] & 1 << 6, "SSE4A is forced"
    assert extended[3] & 1 << 29, "long mode"


def test_without_caches_and_hidden(start_vmm: VmmStarter, program: Path) -> None:
    cpu = "<features><kvm><hidden state='on'/></kvm></features>"
    cpu += "<cpu mode='host-passthrough'><cache mode='disable'/></cpu>"
    leaves = read(start_vmm, program, cpu)
    assert leaves[4, 0][0] & 0x1F == 0
    assert leaves[0x4000_0000, 0][1:] != (0x4B4D_564B, 0x564B_4D56, 0x4D)


def test_the_monitor_tells_the_topology(start_vmm: VmmStarter, program: Path) -> None:
    cpu = "<cpu mode='maximum'><topology sockets='2' dies='1' cores='1' threads='2'/></cpu>"
    cpu += "<vcpus><vcpu id='2' enabled='no' hotpluggable='yes'/><vcpu id='3' enabled='yes'/></vcpus>"
    vmm = start_vmm(program, paused=True, vcpus=4, current=3, policies=cpu)
    props = [entry["props"] for entry in vmm.execute("query-cpus-fast")]
    assert [(at["socket-id"], at["die-id"], at["core-id"], at["thread-id"]) for at in props] == [
        (0, 0, 0, 0),
        (0, 0, 0, 1),
        (1, 0, 0, 1),
    ]


def test_a_guest_without_kvmclock(start_vmm: VmmStarter, program: Path) -> None:
    clock = "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>"
    assert not read(start_vmm, program, clock)[0x4000_0001, 0][0] & (1 << 0 | 1 << 3)


def test_a_counter_that_the_host_cannot_slow_down(start_vmm: VmmStarter, program: Path) -> None:
    vmm = start_vmm(program, policies="<clock offset='utc'><timer name='tsc' frequency='1000000'/></clock>")
    if vmm.wait() == 0:
        pytest.skip("this host scales time stamp counters")
    assert "cannot give a guest a TSC of 1000 kHz" in vmm.log()
