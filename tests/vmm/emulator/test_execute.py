"""Privileges, conditions, devices, and what stays untouched when an instruction does not complete."""

from __future__ import annotations

import pytest

from kvmctl.vmm.emulator.fault import Vector
from kvmctl.vmm.emulator.fpu import FpuState
from kvmctl.vmm.kvm import abi

from .fake import RAM_SIZE, Guest

AC, TF, RF = 1 << 18, 1 << 8, 1 << 16
CR0_MP, CR0_EM, CR0_TS, CR0_NE, CR4_OSFXSR, CR4_OSXSAVE = 2, 4, 8, 32, 1 << 9, 1 << 18
DEVICE = 0xD000_0000
LINEAR = 0x40_0000


@pytest.fixture
def ring0(guest: Guest) -> Guest:
    guest.long_mode()
    guest.cpu.regs.rip = 0x1000
    return guest


@pytest.fixture
def ring3(guest: Guest) -> Guest:
    guest.long_mode(cpl=3)
    guest.cpu.regs.rip = 0x1000
    return guest


def test_int3_is_a_trap(ring0: Guest) -> None:
    assert ring0.run("cc") is None
    assert ring0.cpu.exception() == (Vector.BP, None)
    assert ring0.cpu.regs.rip == 0x1001


def test_int_n(ring0: Guest) -> None:
    assert ring0.run("cd80") is None
    assert list(ring0.cpu.events.interrupt) == [1, 0x80, 1, 0]
    assert ring0.cpu.regs.rip == 0x1002


def test_int_n_beyond_the_idt(ring0: Guest) -> None:
    ring0.cpu.sregs.idt.limit = 0x10 * 0x80 - 1
    ring0.run("cd80")
    assert ring0.cpu.exception() == (Vector.GP, 0x80 << 3 | 2)
    assert ring0.cpu.regs.rip == 0x1000


def test_clac_and_stac(ring0: Guest) -> None:
    ring0.run("0f01cb")
    assert ring0.cpu.regs.rflags & AC
    ring0.run("0f01ca")
    assert not ring0.cpu.regs.rflags & AC


@pytest.mark.parametrize("code", ["0f01ca", "0f01cb"])
def test_clac_and_stac_are_privileged(ring3: Guest, code: str) -> None:
    ring3.run(code)
    assert ring3.cpu.exception() == (Vector.UD, None)


def test_xsetbv(ring0: Guest) -> None:
    ring0.cpu.regs.rax = 3
    ring0.run("0f01d1")
    assert ring0.cpu.exception() == (Vector.UD, None)
    ring0.cpu.sregs.cr4 |= CR4_OSXSAVE
    ring0.run("0f01d1")
    assert ring0.cpu.exception() is None and ring0.cpu.xcr0 == 3


@pytest.mark.parametrize(("value", "index"), [(0, 0), (2, 0), (5, 0), (9, 0), (3, 1)])
def test_xsetbv_refuses(ring0: Guest, value: int, index: int) -> None:
    ring0.cpu.sregs.cr4 |= CR4_OSXSAVE
    ring0.cpu.regs.rax, ring0.cpu.regs.rcx = value, index
    ring0.run("0f01d1")
    assert ring0.cpu.exception() == (Vector.GP, 0)
    assert ring0.cpu.xcr0 == 7


def test_xsetbv_is_privileged(ring3: Guest) -> None:
    ring3.cpu.sregs.cr4 |= CR4_OSXSAVE
    ring3.cpu.regs.rax = 3
    ring3.run("0f01d1")
    assert ring3.cpu.exception() == (Vector.GP, 0)


@pytest.mark.parametrize(
    ("code", "cr0", "cr4", "vector"),
    [
        ("0fae16", CR0_EM, CR4_OSFXSR, Vector.UD),
        ("0fae16", CR0_TS, CR4_OSFXSR, Vector.NM),
        ("0fae16", 0, 0, Vector.UD),
        ("0f2806", CR0_TS, CR4_OSFXSR, Vector.NM),
        ("0f77", CR0_EM, CR4_OSFXSR, Vector.UD),
        ("0f77", CR0_TS, CR4_OSFXSR, Vector.NM),
        ("9b", CR0_TS | CR0_MP, 0, Vector.NM),
        ("9b", CR0_TS, 0, None),
    ],
)
def test_fpu_conditions(ring0: Guest, code: str, cr0: int, cr4: int, vector: int | None) -> None:
    ring0.cpu.sregs.cr0 = ring0.cpu.sregs.cr0 & ~(CR0_EM | CR0_TS | CR0_MP) | cr0
    ring0.cpu.sregs.cr4 = ring0.cpu.sregs.cr4 & ~CR4_OSFXSR | cr4
    ring0.map(0, 0x10_0000)
    assert ring0.run(code) is None
    assert ring0.cpu.exception() == (None if vector is None else (vector, None))


def test_fwait_delivers_a_pending_exception(ring0: Guest) -> None:
    area = ring0.cpu.xsave
    area[2:4] = (0x81).to_bytes(2, "little")
    area[512] = 1
    ring0.run("9b")
    assert ring0.cpu.exception() == (Vector.MF, None)
    assert ring0.cpu.regs.rip == 0x1000


def test_emms(ring0: Guest) -> None:
    ring0.cpu.xsave[4] = 0xFF
    ring0.cpu.xsave[512] = 1
    ring0.run("0f77")
    assert ring0.cpu.xsave[4] == 0


def test_exchange_must_be_aligned(ring0: Guest) -> None:
    ring0.map(LINEAR, 0x10_0000)
    ring0.cpu.regs.rsi = LINEAR + 8
    ring0.run("480fc70e")
    assert ring0.cpu.exception() == (Vector.GP, 0)


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("0f110e", [(DEVICE, 8, 0x0706050403020100), (DEVICE + 8, 8, 0x0F0E0D0C0B0A0908)]),
        ("660f7e0e", [(DEVICE, 4, 0x03020100)]),
        ("660fd60e", [(DEVICE, 8, 0x0706050403020100)]),
        ("0f170e", [(DEVICE, 8, 0x0F0E0D0C0B0A0908)]),
    ],
)
def test_moves_to_a_device(ring0: Guest, code: str, writes: list[tuple[int, int, int]]) -> None:
    ring0.map(LINEAR, DEVICE)
    ring0.cpu.regs.rsi = LINEAR
    FpuState(ring0.cpu.xsave).set_xmm(1, bytes(range(16)))
    assert ring0.run(code) is None
    assert ring0.bus.writes == writes


@pytest.fixture
def avx(ring0: Guest) -> Guest:
    ring0.cpu.sregs.cr4 |= CR4_OSXSAVE
    ring0.map(LINEAR, DEVICE)
    ring0.cpu.regs.rsi = LINEAR
    return ring0


def test_avx_move_to_a_device(avx: Guest) -> None:
    FpuState(avx.cpu.xsave).set_ymm(1, bytes(range(32)))
    assert avx.run("c5fe7f0e") is None  # vmovdqu [rsi], ymm1
    pieces = [int.from_bytes(bytes(range(start, start + 8)), "little") for start in range(0, 32, 8)]
    assert avx.bus.writes == [(DEVICE + 8 * number, 8, piece) for number, piece in enumerate(pieces)]


def test_avx_loads(avx: Guest) -> None:
    FpuState(avx.cpu.xsave).set_ymm(1, b"\xff" * 32)
    FpuState(avx.cpu.xsave).set_ymm(2, b"\xee" * 32)
    avx.bus.values = {DEVICE + offset: offset + 1 for offset in range(0, 32, 8)}
    assert avx.run("c5fe6f0e") is None  # vmovdqu ymm1, [rsi]
    fpu = FpuState(avx.cpu.xsave)
    assert fpu.ymm(1) == b"".join(value.to_bytes(8, "little") for value in (1, 9, 17, 25))
    assert fpu.ymm(2) == b"\xee" * 32
    assert avx.run("c5fa6f16") is None  # vmovdqu xmm2, [rsi] clears the upper half
    assert FpuState(avx.cpu.xsave).ymm(2) == FpuState(avx.cpu.xsave).xmm(1) + bytes(16)


def test_avx_conditions(avx: Guest) -> None:
    avx.cpu.regs.rsi += 16
    avx.run("c5fc290e")  # vmovaps [rsi], ymm1
    assert avx.cpu.exception() == (Vector.GP, 0)
    avx.cpu.xcr0 = 3
    avx.run("c5fe7f0e")
    assert avx.cpu.exception() == (Vector.UD, None)
    avx.cpu.xcr0 = 7
    avx.cpu.sregs.cr0 |= CR0_TS
    avx.run("c5fe7f0e")
    assert avx.cpu.exception() == (Vector.NM, None)


def test_avx_512_is_left_alone(avx: Guest) -> None:
    avx.cpu.xsave[512] |= 1 << 6
    report = avx.run("c5fe6f0e")
    assert report is not None and "AVX-512" in report
    for code in ("62f17f486f0e", "62f17c491106"):  # vmovdqu8 zmm1, [rsi]; vmovups [rsi]{k1}, zmm0
        assert avx.run(code) is not None


def test_move_from_a_device(ring0: Guest) -> None:
    ring0.map(LINEAR, DEVICE)
    ring0.cpu.regs.rsi = LINEAR + 4
    ring0.bus.values = {DEVICE + 4: 0x11111111, DEVICE + 8: 0x2222222222222222, DEVICE + 16: 0x33333333}
    ring0.run("0f100e")
    assert FpuState(ring0.cpu.xsave).xmm(1) == b"\x11" * 4 + b"\x22" * 8 + b"\x33" * 4


def test_operand_half_in_ram(ring0: Guest) -> None:
    ring0.map(LINEAR, RAM_SIZE - 0x1000)
    ring0.map(LINEAR + 0x1000, DEVICE)
    ring0.cpu.regs.rsi = LINEAR + 0xFFC
    FpuState(ring0.cpu.xsave).set_xmm(1, bytes(range(16)))
    ring0.run("660fd60e")
    assert ring0.ram.read(RAM_SIZE - 4, 4) == bytes(range(4))
    assert ring0.bus.writes == [(DEVICE, 4, 0x07060504)]


def test_unknown_instruction_at_ring_0_is_reported(ring0: Guest) -> None:
    before = bytes(ring0.cpu.regs)
    report = ring0.run("0f58c1" + "90" * 12)
    assert report is not None and "addps xmm0,xmm1 [0f 58 c1]" in report
    assert bytes(ring0.cpu.regs) == before and ring0.cpu.exception() is None


def test_unknown_instruction_at_ring_3_is_the_programs_problem(ring3: Guest) -> None:
    assert ring3.run("0f58c1") is None
    assert ring3.cpu.exception() == (Vector.UD, None)


@pytest.mark.parametrize("code", ["0f0b", "0fff00", "0fb900", "0f0490", "f0f30fb8c3", "66" * 15])
def test_no_such_instruction(ring0: Guest, code: str) -> None:
    assert ring0.run(code) is None
    assert ring0.cpu.exception() == (Vector.UD, None)


def test_single_step(ring0: Guest) -> None:
    ring0.cpu.regs.rflags |= TF | RF
    ring0.run("9b")
    assert ring0.cpu.exception() == (Vector.DB, None)
    assert ring0.cpu.debugregs.dr6 & 1 << 14
    assert ring0.cpu.regs.rip == 0x1001 and not ring0.cpu.regs.rflags & RF


def test_interrupt_shadow_ends(ring0: Guest) -> None:
    ring0.cpu.events.interrupt[3] = 1
    ring0.run("9b")
    assert ring0.cpu.events.interrupt[3] == 0
    assert ring0.cpu.events.flags == abi.VCPUEVENT_VALID_SHADOW


def test_instruction_pointer_wraps_in_16_bit_code(guest: Guest) -> None:
    guest.real_mode()
    guest.cpu.regs.rip = 0xFFFF
    guest.run("9b")
    assert guest.cpu.regs.rip == 0


def test_fs_base_and_32_bit_addresses(ring0: Guest) -> None:
    ring0.map(LINEAR, 0x10_0000)
    ring0.ram.set_entry(0x10_0010, 7)
    ring0.cpu.sregs.fs.base = LINEAR
    ring0.cpu.regs.rsi = 0xFFFF_FFFF_0000_0010
    ring0.run("6467f3480fb806")  # popcnt rax, fs:[esi]
    assert ring0.cpu.regs.rax == 3


@pytest.mark.parametrize(
    ("field", "value", "vector"),
    [("limit", 0x10, Vector.GP), ("type", 9, Vector.GP), ("unusable", 1, Vector.GP)],
)
def test_segment_checks(guest: Guest, field: str, value: int, vector: Vector) -> None:
    guest.protected_mode()
    setattr(guest.cpu.sregs.ds, field, value)
    guest.cpu.regs.rsi = 0x10
    guest.run("f30fb806")
    assert guest.cpu.exception() == (vector, 0)


def test_read_only_segment(guest: Guest) -> None:
    guest.protected_mode()
    guest.cpu.sregs.cr4 |= CR4_OSFXSR
    guest.cpu.sregs.ds.type = 1
    guest.run("f30fb806")
    assert guest.cpu.exception() is None
    guest.run("0fae1e")
    assert guest.cpu.exception() == (Vector.GP, 0)


def test_expand_down_segment(guest: Guest) -> None:
    guest.protected_mode()
    guest.cpu.sregs.ds.type, guest.cpu.sregs.ds.limit = 7, 0xFFF
    guest.cpu.regs.rsi = 0x1000
    guest.run("f30fb806")
    assert guest.cpu.exception() is None
    guest.cpu.regs.rsi = 0xFFF
    guest.run("f30fb806")
    assert guest.cpu.exception() == (Vector.GP, 0)


def test_real_mode_faults_have_no_error_code(guest: Guest) -> None:
    guest.real_mode()
    guest.cpu.regs.rsi = 0xFFFF
    guest.run("f30fb804")  # popcnt ax, [si]
    assert guest.cpu.exception() == (Vector.GP, None)


def test_double_word_exchange_fails_and_reports(ring0: Guest) -> None:
    ring0.map(LINEAR, 0x10_0000)
    ring0.ram.set_entry(0x10_0000, 1 << 40 | 5)
    ring0.cpu.regs.rsi, ring0.cpu.regs.rax, ring0.cpu.regs.rdx = LINEAR, 1 << 63, 1 << 63
    ring0.cpu.regs.rflags |= 64
    ring0.run("0fc70e")
    assert (ring0.cpu.regs.rax, ring0.cpu.regs.rdx) == (5, 1 << 8)
    assert not ring0.cpu.regs.rflags & 64
