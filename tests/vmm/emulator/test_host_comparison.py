"""Each user-mode instruction, by the emulator and by the host: same registers, flags and memory."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kvmctl.vmm.emulator.fault import Vector
from kvmctl.vmm.emulator.fpu import FpuState

from .fake import Guest
from .host_cpu import CODE, DATA, DATA_SIZE, GPRS, HostCpu, State

CF, PF, AF, ZF, SF, OF = 1, 4, 16, 64, 128, 2048
STATUS = CF | PF | AF | ZF | SF | OF
COUNT_FLAGS = CF | ZF  # of LZCNT and TZCNT, the rest is undefined
PHYSICAL = 0x10_0000
SIGNALS = {
    signal.SIGILL: {Vector.UD},
    signal.SIGSEGV: {Vector.GP, Vector.PF, Vector.SS},
    signal.SIGTRAP: {Vector.BP, Vector.DB},
    signal.SIGFPE: {Vector.MF},
}


@dataclass(frozen=True)
class Case:
    """An instruction; memory operands are [rsi + ...], which points into the data pages."""

    name: str
    code: str
    flags: int = STATUS
    feature: str | None = None


CASES = [
    Case("popcnt r16", "66f30fb8c3", feature="popcnt"),
    Case("popcnt r32", "f30fb8c3", feature="popcnt"),
    Case("popcnt r64", "f34c0fb8c3", feature="popcnt"),
    Case("popcnt r64, m64", "f3480fb84604", feature="popcnt"),
    Case("popcnt r32, gs:m32", "65f30fb8042510000000", feature="popcnt"),
    Case("popcnt r64, rip", "f3480fb8051f100000", feature="popcnt"),
    Case("popcnt r64, [esi]", "67f3480fb806", feature="popcnt"),
    Case("popcnt r64, [rsi+rcx*8]", "f3480fb804ce", feature="popcnt"),
    Case("lzcnt r16", "66f30fbdc3", COUNT_FLAGS, "abm"),
    Case("lzcnt r32", "f30fbdc3", COUNT_FLAGS, "abm"),
    Case("lzcnt r64, m64", "f3480fbd06", COUNT_FLAGS, "abm"),
    Case("tzcnt r16", "66f30fbcc3", COUNT_FLAGS, "bmi1"),
    Case("tzcnt r32, m32", "f30fbc06", COUNT_FLAGS, "bmi1"),
    Case("tzcnt r64", "f3490fbcc7", COUNT_FLAGS, "bmi1"),
    Case("crc32 r32, r8", "f20f38f0c3", feature="sse4_2"),
    Case("crc32 r32, bh", "f20f38f0c7", feature="sse4_2"),
    Case("crc32 r32, r16", "66f20f38f1c3", feature="sse4_2"),
    Case("crc32 r32, m32", "f20f38f106", feature="sse4_2"),
    Case("crc32 r64, r8", "f2480f38f0c3", feature="sse4_2"),
    Case("crc32 r64, m64", "f2480f38f106", feature="sse4_2"),
    Case("movbe r16, m16", "660f38f006", feature="movbe"),
    Case("movbe r32, m32", "0f38f006", feature="movbe"),
    Case("movbe m64, r64", "480f38f11e", feature="movbe"),
    Case("cmpxchg8b", "0fc70e"),
    Case("lock cmpxchg8b", "f00fc70e"),
    Case("cmpxchg16b", "480fc70e", feature="cx16"),
    Case("lock cmpxchg16b", "f0480fc70e", feature="cx16"),
    Case("ldmxcsr", "0fae16"),
    Case("stmxcsr", "0fae1e"),
    Case("fwait", "9b"),
    Case("emms", "0f77"),
    Case("xgetbv", "0f01d0", feature="xsave"),
    Case("clac", "0f01ca"),
    Case("stac", "0f01cb"),
    Case("int3", "cc"),
    Case("int1", "f1"),
    Case("ud0", "0fffc0"),
    Case("ud1", "0fb9c0"),
    Case("ud2", "0f0b"),
    Case("no instruction", "0f04"),
    Case("movaps x, m", "0f280e"),
    Case("movaps m, x", "0f290e"),
    Case("movups x, m", "0f100e"),
    Case("movups m, x", "0f110e"),
    Case("movupd m, x9", "66440f110e"),
    Case("movapd x, x", "660f28ca"),
    Case("movdqa m, x", "660f7f0e"),
    Case("movdqu x, m", "f30f6f0e"),
    Case("lddqu x, m", "f20ff00e"),
    Case("movntps m, x", "0f2b0e"),
    Case("movntdq m, x", "660fe70e"),
    Case("movntdqa x, m", "660f382a0e", feature="sse4_1"),
    Case("movss x, m", "f30f100e"),
    Case("movss m, x", "f30f110e"),
    Case("movss x, x", "f30f10ca"),
    Case("movsd x, m", "f20f100e"),
    Case("movsd m, x", "f20f110e"),
    Case("movsd x, x", "f20f10ca"),
    Case("movd x, r32", "660f6ecb"),
    Case("movd r32, x", "660f7ecb"),
    Case("movd m32, x", "660f7e0e"),
    Case("movd x, m32", "660f6e0e"),
    Case("movq x, r64", "66480f6ecb"),
    Case("movq r64, x", "66480f7ecb"),
    Case("movq x, m64", "f30f7e0e"),
    Case("movq m64, x", "660fd60e"),
    Case("movq x, x", "f30f7eca"),
    Case("movlps x, m", "0f120e"),
    Case("movlpd m, x", "660f130e"),
    Case("movhps x, m", "0f160e"),
    Case("movhpd m, x", "660f170e"),
    Case("vmovups m, x", "c5f8110e", feature="avx"),
    Case("vmovdqu x, m", "c5fa6f0e", feature="avx"),
    Case("vmovdqa m, x", "c5f97f0e", feature="avx"),
    Case("vmovaps x, m", "c5f8280e", feature="avx"),
    Case("vmovapd x, x", "c5f928ca", feature="avx"),
    Case("vmovntdq m, x", "c5f9e70e", feature="avx"),
    Case("movnti m32, r32", "0fc31e"),
    Case("movnti m64, r64", "480fc31e"),
]

value = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]))
block = st.one_of(st.binary(min_size=64, max_size=64), st.just(bytes(64)))


def host_features() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


@st.composite
def states(draw: st.DrawFn) -> State:
    state = State()
    state.regs = tuple(draw(st.lists(value, min_size=16, max_size=16)))
    # Aligned, unaligned, and across the border of two pages; sometimes outside what is mapped.
    offset = draw(st.sampled_from([0, 16, 0x40, 0x103, 0xFF8, 0xFF1, 0x1FF0, 0x1FF8, -64]))
    state.regs[GPRS.index("rsi")] = DATA + offset
    state.regs[GPRS.index("rcx")] = draw(st.integers(0, 3)) if draw(st.booleans()) else draw(value)
    state.regs[GPRS.index("rsp")] = DATA + 0x800
    state.rflags = 0x202 | draw(st.integers(0, 2**12 - 1)) & STATUS
    state.mxcsr = 0x1F80 | draw(st.integers(0, 0xFFFF)) & 0xE07F
    for number in range(16):
        state.xmm[number][:] = draw(st.binary(min_size=16, max_size=16))
    pattern = draw(block)
    state.data[:] = pattern * (DATA_SIZE // len(pattern))
    if draw(st.booleans()) and 0 <= offset < DATA_SIZE - 16:
        # Let compare-and-exchange succeed, and LDMXCSR find a valid value.
        low, high = int.from_bytes(state.regs[0].to_bytes(8, "little")[:4], "little"), state.regs[3]
        choice = draw(st.sampled_from(["16b", "8b", "mxcsr"]))
        if choice == "16b":
            data = int(state.regs[0]).to_bytes(8, "little") + int(high).to_bytes(8, "little")
        elif choice == "8b":
            data = low.to_bytes(4, "little") + (int(high) & 0xFFFF_FFFF).to_bytes(4, "little")
        else:
            data = (0x1F80 | low & 0xE03F).to_bytes(4, "little")
        state.data[offset : offset + len(data)] = data
    return state


def guest_of(state: State, code: bytes) -> Guest:
    """A guest at CPL 3 whose pages are those of the host program."""
    guest = Guest()
    guest.long_mode(cpl=3)
    guest.cpu.sregs.cr4 |= 1 << 18
    guest.cpu.sregs.gs.base = DATA
    for page in range(0, 0x3000, 0x1000):
        guest.map(CODE + page, PHYSICAL + page)
    guest.ram.write(PHYSICAL, code)
    guest.ram.write(PHYSICAL + 0x1000, bytes(state.data))
    for name, register in zip(GPRS, state.regs, strict=True):
        setattr(guest.cpu.regs, name, register)
    guest.cpu.regs.rip, guest.cpu.regs.rflags = CODE, state.rflags
    fpu = FpuState(guest.cpu.xsave)
    for number in range(16):
        fpu.set_xmm(number, bytes(state.xmm[number]))
    fpu.mxcsr = state.mxcsr
    fpu.area[28:32] = (0xFFFF).to_bytes(4, "little")  # MXCSR_MASK, with DAZ
    return guest


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_same_as_host(case: Case, host_cpu: HostCpu, data: st.DataObject) -> None:
    if case.feature and case.feature not in host_features():
        pytest.skip(f"the host's processor has no {case.feature}")
    state = data.draw(states())
    if case.name == "xgetbv":
        # The components in use, which XCR number 1 shows, differ between the two.
        assume(state.regs[GPRS.index("rcx")] & 0xFFFF_FFFF != 1)
    if "cmpxchg8b" in case.name:
        assume(state.regs[GPRS.index("rsi")] % 8 == 0)
    code = bytes.fromhex(case.code)
    state.code[: len(code)] = code
    state.code_size = len(code)
    guest = guest_of(state, code)
    host = host_cpu.run(state)
    guest.cpu.xcr0 = host.xcr0

    assert guest.run(code) is None

    exception = guest.cpu.exception()
    if host.signal:
        assert exception is not None and exception[0] in SIGNALS[signal.Signals(host.signal)]
    else:
        assert exception is None
    assert guest.cpu.regs.rip == host.rip
    if not host.signal:
        for name, register in zip(GPRS, host.regs, strict=True):
            assert getattr(guest.cpu.regs, name) == register, name
        assert guest.cpu.regs.rflags & case.flags == host.rflags & case.flags
        fpu = FpuState(guest.cpu.xsave)
        for number in range(16):
            assert fpu.xmm(number) == bytes(host.xmm[number]), f"xmm{number}"
        assert fpu.mxcsr == host.mxcsr
    assert guest.ram.read(PHYSICAL + 0x1000, DATA_SIZE) == bytes(host.data)
