"""Interrupt instructions and the processor's own state (Intel SDM volume 2, by mnemonic)."""

from __future__ import annotations

from typing import Final

from iced_x86 import Instruction

from kvmctl.vmm.emulator.context import AC, Context
from kvmctl.vmm.emulator.fault import (
    GuestFault,
    NotHandledError,
    Vector,
    general_protection,
    undefined,
)
from kvmctl.vmm.emulator.segment import protected

CR0_MP: Final = 1 << 1
CR0_EM: Final = 1 << 2
CR0_TS: Final = 1 << 3
CR0_NE: Final = 1 << 5
CR4_OSFXSR: Final = 1 << 9
CR4_OSXSAVE: Final = 1 << 18

_XCR0_X87: Final = 1
_XCR0_SSE: Final = 2
_XCR0_AVX: Final = 4
_GATE_SIZE: Final = {False: 8, True: 16}


def int3(context: Context, instruction: Instruction) -> None:
    """A trap: the RIP that the guest's handler sees lies behind the instruction."""
    context.event = Vector.BP


def int1(context: Context, instruction: Instruction) -> None:
    context.event = Vector.DB


def int_n(context: Context, instruction: Instruction) -> None:
    if not protected(context.sregs, context.regs.rflags):
        raise NotHandledError("INT n outside protected mode")
    vector = instruction.immediate8
    size = _GATE_SIZE[bool(context.sregs.efer & 1 << 10)]
    if (vector + 1) * size - 1 > context.sregs.idt.limit:
        raise general_protection(vector << 3 | 2)
    context.interrupt = vector


def ud(context: Context, instruction: Instruction) -> None:
    raise undefined()


def clac(context: Context, instruction: Instruction) -> None:
    context.require_ring0()
    context.flags(AC, 0)


def stac(context: Context, instruction: Instruction) -> None:
    context.require_ring0()
    context.flags(0, AC)


def xgetbv(context: Context, instruction: Instruction) -> None:
    if not context.sregs.cr4 & CR4_OSXSAVE:
        raise undefined()
    number = context.regs.rcx & 0xFFFF_FFFF
    if number > 1:
        raise general_protection()
    value = context.cpu.get_xcr0()
    if number == 1:
        value &= context.fpu.in_use
    context.regs.rax = value & 0xFFFF_FFFF
    context.regs.rdx = value >> 32


def xsetbv(context: Context, instruction: Instruction) -> None:
    if not context.sregs.cr4 & CR4_OSXSAVE:
        raise undefined()
    value = (context.regs.rdx & 0xFFFF_FFFF) << 32 | context.regs.rax & 0xFFFF_FFFF
    good = not context.cpl and not context.regs.rcx & 0xFFFF_FFFF and value & _XCR0_X87
    if value & _XCR0_AVX and not value & _XCR0_SSE:
        good = False
    if not good or not context.cpu.set_xcr0(value):
        raise general_protection()


def wait(context: Context, instruction: Instruction) -> None:
    if context.sregs.cr0 & CR0_MP and context.sregs.cr0 & CR0_TS:
        raise GuestFault(Vector.NM)
    _pending(context)


def emms(context: Context, instruction: Instruction) -> None:
    require_mmx(context)
    context.fpu.empty_stack()


def ldmxcsr(context: Context, instruction: Instruction) -> None:
    require_sse(context)
    value = int.from_bytes(context.load(instruction, 4), "little")
    if value & ~context.fpu.mxcsr_mask:
        raise general_protection()
    context.fpu.mxcsr = value


def stmxcsr(context: Context, instruction: Instruction) -> None:
    require_sse(context)
    context.store(instruction, context.fpu.mxcsr.to_bytes(4, "little"))


def require_sse(context: Context) -> None:
    """The conditions of SSE instructions (SDM volume 3, 13.1 and volume 2, 2.4)."""
    if context.sregs.cr0 & CR0_EM or not context.sregs.cr4 & CR4_OSFXSR:
        raise undefined()
    if context.sregs.cr0 & CR0_TS:
        raise GuestFault(Vector.NM)


def require_mmx(context: Context) -> None:
    if context.sregs.cr0 & CR0_EM:
        raise undefined()
    if context.sregs.cr0 & CR0_TS:
        raise GuestFault(Vector.NM)
    _pending(context)


def _pending(context: Context) -> None:
    if not context.fpu.exception_pending:
        return
    if not context.sregs.cr0 & CR0_NE:
        raise NotHandledError("an x87 exception is to be signalled by FERR#")
    raise GuestFault(Vector.MF)
