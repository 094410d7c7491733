"""IRET in 32-bit protected mode, as boot programs with interrupts of their own use it."""

from __future__ import annotations

import struct

import pytest

from kvmctl.vmm.emulator.fault import Vector

from .fake import Guest

STACK = 0x2000


@pytest.fixture
def ring0(guest: Guest) -> Guest:
    guest.protected_mode()
    guest.cpu.regs.rip = 0x1000
    guest.cpu.regs.rsp = STACK
    return guest


def push(guest: Guest, target: int, selector: int, flags: int) -> None:
    guest.ram.write(STACK, struct.pack("<III", target, selector, flags))


def test_to_the_interrupted_code(ring0: Guest) -> None:
    push(ring0, 0x3456, 8, 0x0020_0246)
    assert ring0.run("cf") is None
    assert ring0.cpu.regs.rip == 0x3456
    assert ring0.cpu.regs.rsp == STACK + 12
    assert ring0.cpu.regs.rflags == 0x0020_0246


def test_a_target_beyond_the_segment(ring0: Guest) -> None:
    ring0.cpu.sregs.cs.limit = 0xFFFF
    push(ring0, 0x1_0000, 8, 2)
    ring0.run("cf")
    assert ring0.cpu.exception() == (Vector.GP, 0)
    assert (ring0.cpu.regs.rip, ring0.cpu.regs.rsp) == (0x1000, STACK)


@pytest.mark.parametrize(
    ("selector", "flags"), [(0x10, 2), (0x1B, 2), (8, 1 << 17 | 2)], ids=["other", "ring 3", "8086"]
)
def test_elsewhere_is_left_to_others(ring0: Guest, selector: int, flags: int) -> None:
    push(ring0, 0x3456, selector, flags)
    assert "IRET" in (ring0.run("cf") or "")
    assert ring0.cpu.regs.rip == 0x1000


def test_not_out_of_a_nonmaskable_interrupt(ring0: Guest) -> None:
    ring0.cpu.events.nmi[2] = 1
    push(ring0, 0x3456, 8, 2)
    assert "non-maskable" in (ring0.run("cf") or "")
