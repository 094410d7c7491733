"""AVX moves between registers and memory (Intel SDM volume 2, by mnemonic; conditions: 2.4, type 1)."""

from __future__ import annotations

from typing import Final

from iced_x86 import Instruction, OpKind, Register

from kvmctl.vmm.emulator.context import Context
from kvmctl.vmm.emulator.fault import GuestFault, NotHandledError, Vector, undefined
from kvmctl.vmm.emulator.fpu import ZMM_HIGH
from kvmctl.vmm.emulator.registers import XMM, YMM
from kvmctl.vmm.emulator.system import CR0_TS, CR4_OSXSAVE

_XCR0_SSE_AVX: Final = 6


def vmov(context: Context, instruction: Instruction) -> None:
    _move(context, instruction, aligned=False)


def vmov_aligned(context: Context, instruction: Instruction) -> None:
    _move(context, instruction, aligned=True)


def _move(context: Context, instruction: Instruction, *, aligned: bool) -> None:
    if not context.sregs.cr4 & CR4_OSXSAVE or context.cpu.get_xcr0() & _XCR0_SSE_AVX != _XCR0_SSE_AVX:
        raise undefined()
    if context.sregs.cr0 & CR0_TS:
        raise GuestFault(Vector.NM)
    if instruction.op_mask != Register.NONE:
        raise NotHandledError("an AVX-512 mask")
    if instruction.op0_kind == OpKind.MEMORY:
        number, size = _register(instruction.op1_register)
        context.store(instruction, context.fpu.ymm(number)[:size], aligned=aligned)
        return
    number, size = _register(instruction.op0_register)
    if context.fpu.in_use & ZMM_HIGH:
        raise NotHandledError("AVX-512 registers are in use")
    if instruction.op1_kind == OpKind.MEMORY:
        data = context.load(instruction, size, aligned=aligned)
    else:
        data = context.fpu.ymm(_register(instruction.op1_register)[0])[:size]
    # A write clears the rest of the register (SDM volume 1, 14.3).
    context.fpu.set_ymm(number, data + bytes(32 - size))


def _register(register: int) -> tuple[int, int]:
    """The number of a vector register and the bytes of it that count."""
    if register in XMM:
        return XMM[register], 16
    if register in YMM:
        return YMM[register], 32
    raise NotHandledError("AVX-512 registers")
