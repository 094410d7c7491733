"""Each instruction at ring 0 of a flat guest on the real KVM, against the host's processor.

Where KVM runs guests on the processor (VMX, SVM), this shows that the guest and the comparison are right;
where it emulates ring 0, that the instructions work in a real guest: those that KVM knows and ours.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

from kvmctl.vmm import quirks
from kvmctl.vmm.emulator.fault import Vector
from tests.vmm.conftest import VmmStarter

from .host_cpu import CODE, DATA, GPRS, HostCpu, State
from .test_host_comparison import CASES, OF, STATUS, Case, host_features

pytestmark = pytest.mark.kvm

HEADER_SIZE = State.data.offset
RECORD_SIZE = HEADER_SIZE + 64
PER_CASE = 3
AC = 1 << 18
FIXED_FLAG = 2

# What CPUID or CR4 of a flat guest does not offer (AVX neither), or what ring 3 of the host may not do.
NOT_COMPARED = ("xgetbv", "clac", "stac", "int1")
# Where KVM's emulator runs ring 0, it takes the first two for the BSR and BSF of the same opcode; the third
# it knows, and refuses, since the guest's CPUID does not offer it there.
OTHERWISE_EMULATED = ("lzcnt", "tzcnt", "movbe")

RING0 = [
    # name, code, flags before, flags after, vector, length of the instruction if it is a trap
    ("clac", "0f01ca", AC, 0, None),
    ("stac", "0f01cb", 0, AC, None),
    ("int 0x42", "cd42", 0, 0, 0x42),
    ("int 0xff", "cdff", 0, 0, 0xFF),
    ("int3", "cc", 0, 0, Vector.BP),
    ("int1", "f1", 0, 0, Vector.DB),
]


def make_state(case: Case, rng: random.Random) -> State:
    state = State()
    for number in range(16):
        state.regs[number] = rng.choice([rng.getrandbits(64), rng.getrandbits(8), 0])
        state.xmm[number][:] = rng.randbytes(16)
    state.regs[GPRS.index("rsi")] = DATA + 16 * rng.randrange(3)
    state.regs[GPRS.index("rcx")] = rng.randrange(3)
    state.regs[GPRS.index("rsp")] = DATA + 0x800
    state.rflags = FIXED_FLAG | rng.getrandbits(12) & STATUS
    state.mxcsr = 0x1F80 | rng.getrandbits(16) & 0xE03F
    data = bytearray(rng.randbytes(64))
    if case.name == "ldmxcsr":
        for start in range(0, 64, 4):
            data[start : start + 4] = (0x1F80 | rng.getrandbits(16) & 0xE03F).to_bytes(4, "little")
    elif "cmpxchg" in case.name and rng.random() < 0.5:
        half = 8 if "16" in case.name else 4
        start = state.regs[GPRS.index("rsi")] - DATA
        for position, register in enumerate(("rax", "rdx")):
            value = state.regs[GPRS.index(register)].to_bytes(8, "little")[:half]
            data[start + position * half : start + (position + 1) * half] = value
    state.data[:64] = data
    set_code(state, case.code)
    return state


def set_code(state: State, code: str) -> None:
    data = bytes.fromhex(code)
    state.code[: len(data)] = data
    state.code_size = len(data)


def run_guest(tmp_path: Path, start_vmm: VmmStarter, states: list[State]) -> list[State]:
    records = tmp_path / "records"
    records.write_bytes(b"".join(bytes(state)[:RECORD_SIZE] for state in states))
    program = tmp_path / "guest.elf"
    here = Path(__file__).parent
    command = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,--build-id=none"]
    command += [f'-DRECORDS="{records}"', "-o", str(program)]
    subprocess.run([*command, here / "flat_guest.S", here / "run_instruction.S"], check=True)
    vmm = start_vmm(program)
    assert vmm.wait(120) == 0, vmm.log()
    output = vmm.serial_path.read_bytes()
    assert len(output) == len(states) * RECORD_SIZE
    padding = bytes(ctypes.sizeof(State) - RECORD_SIZE)
    starts = range(0, len(output), RECORD_SIZE)
    return [State.from_buffer_copy(output[start : start + RECORD_SIZE] + padding) for start in starts]


def test_same_as_host(tmp_path: Path, start_vmm: VmmStarter, host_cpu: HostCpu) -> None:
    rng = random.Random(8)
    features = host_features()
    emulated = quirks.detect().name == "pvm"
    cases = [
        case
        for case in CASES
        if case.name not in NOT_COMPARED
        and case.feature != "avx"
        and (case.feature is None or case.feature in features)
        and not (emulated and case.name.startswith(OTHERWISE_EMULATED))
        for _ in range(PER_CASE)
    ]
    states = [make_state(case, rng) for case in cases]
    hosts = [host_cpu.run(state) for state in states]
    results = run_guest(tmp_path, start_vmm, states)
    for case, host, result in zip(cases, hosts, results, strict=True):
        assert bool(result.signal) == bool(host.signal), f"{case.name}: vector {result.signal - 1}"
        assert result.rip == host.rip, case.name
        if not host.signal:
            for name, expected, got in zip(GPRS, host.regs, result.regs, strict=True):
                assert got == expected, f"{case.name}: {name}"
            assert result.rflags & case.flags == host.rflags & case.flags, case.name
            assert result.mxcsr == host.mxcsr, case.name
            assert bytes(result.xmm) == bytes(host.xmm), case.name
        assert bytes(result.data)[:64] == bytes(host.data)[:64], case.name


def test_ring0(tmp_path: Path, start_vmm: VmmStarter) -> None:
    states = []
    for _, code, before, _, _ in RING0:
        state = State(rflags=FIXED_FLAG | OF | before, mxcsr=0x1F80)
        state.regs[GPRS.index("rsp")] = DATA + 0x800
        set_code(state, code)
        states.append(state)
    results = run_guest(tmp_path, start_vmm, states)
    for (name, code, _, after, vector), result in zip(RING0, results, strict=True):
        assert result.signal == (0 if vector is None else vector + 1), name
        assert result.rip == CODE + len(bytes.fromhex(code)), name
        assert result.rflags & AC == after, name
        assert result.rflags & STATUS == OF, name
        assert result.regs[GPRS.index("rsp")] == DATA + 0x800, name
