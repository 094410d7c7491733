"""SSE moves, to and from memory and between registers (Intel SDM volume 2, by mnemonic)."""

from __future__ import annotations

from iced_x86 import Instruction, OpKind

from kvmctl.vmm.emulator.context import Context
from kvmctl.vmm.emulator.fault import NotHandledError
from kvmctl.vmm.emulator.registers import GENERAL, MM, XMM
from kvmctl.vmm.emulator.system import require_sse


def _is_memory(instruction: Instruction, number: int) -> bool:
    return instruction.op_kind(number) == OpKind.MEMORY


def _move(context: Context, instruction: Instruction, *, aligned: bool) -> None:
    require_sse(context)
    if _is_memory(instruction, 0):
        context.store(instruction, context.fpu.xmm(XMM[instruction.op1_register]), aligned=aligned)
    elif _is_memory(instruction, 1):
        context.fpu.set_xmm(XMM[instruction.op0_register], context.load(instruction, 16, aligned=aligned))
    else:
        context.fpu.set_xmm(XMM[instruction.op0_register], context.fpu.xmm(XMM[instruction.op1_register]))


def whole(context: Context, instruction: Instruction) -> None:
    _move(context, instruction, aligned=False)


def whole_aligned(context: Context, instruction: Instruction) -> None:
    _move(context, instruction, aligned=True)


def movss(context: Context, instruction: Instruction) -> None:
    _scalar(context, instruction, 4)


def movsd(context: Context, instruction: Instruction) -> None:
    if instruction.op0_register not in XMM and instruction.op1_register not in XMM:
        raise NotHandledError("the string instruction of the same name")
    _scalar(context, instruction, 8)


def _scalar(context: Context, instruction: Instruction, size: int) -> None:
    """A load clears the rest of the register, a move between registers keeps it."""
    require_sse(context)
    if _is_memory(instruction, 0):
        context.store(instruction, context.fpu.xmm(XMM[instruction.op1_register])[:size])
        return
    target = XMM[instruction.op0_register]
    if _is_memory(instruction, 1):
        context.fpu.set_xmm(target, context.load(instruction, size) + bytes(16 - size))
    else:
        source = context.fpu.xmm(XMM[instruction.op1_register])
        context.fpu.set_xmm(target, source[:size] + context.fpu.xmm(target)[size:])


def movd(context: Context, instruction: Instruction) -> None:
    _zero_extending(context, instruction, 4)


def movq(context: Context, instruction: Instruction) -> None:
    _zero_extending(context, instruction, 8)


def _zero_extending(context: Context, instruction: Instruction, size: int) -> None:
    """MOVD and MOVQ: a general register, memory or an XMM register on either side."""
    first, second = instruction.op0_register, instruction.op1_register
    if first in MM or second in MM:
        raise NotHandledError("MMX registers")
    require_sse(context)
    if second in XMM:
        data = context.fpu.xmm(XMM[second])[:size]
    elif _is_memory(instruction, 1):
        data = context.load(instruction, size)
    else:
        data = context.get(second).to_bytes(GENERAL[second][1], "little")[:size]
    if first in XMM:
        context.fpu.set_xmm(XMM[first], data + bytes(16 - size))
    elif _is_memory(instruction, 0):
        context.store(instruction, data)
    else:
        context.set(first, int.from_bytes(data, "little"))


def low(context: Context, instruction: Instruction) -> None:
    _half(context, instruction, 0)


def high(context: Context, instruction: Instruction) -> None:
    _half(context, instruction, 8)


def _half(context: Context, instruction: Instruction, start: int) -> None:
    """One half of a register to or from memory; the other half stays."""
    require_sse(context)
    if _is_memory(instruction, 0):
        context.store(instruction, context.fpu.xmm(XMM[instruction.op1_register])[start : start + 8])
        return
    target = XMM[instruction.op0_register]
    old = context.fpu.xmm(target)
    context.fpu.set_xmm(target, old[:start] + context.load(instruction, 8) + old[start + 8 :])


def movnti(context: Context, instruction: Instruction) -> None:
    register = instruction.op1_register
    context.store(instruction, context.get(register).to_bytes(GENERAL[register][1], "little"))
