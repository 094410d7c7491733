"""CMPXCHG8B and CMPXCHG16B (Intel SDM volume 2)."""

from __future__ import annotations

from iced_x86 import Instruction, Register

from kvmctl.vmm.emulator.context import ZF, Context
from kvmctl.vmm.emulator.fault import NotHandledError, general_protection


def cmpxchg8b(context: Context, instruction: Instruction) -> None:
    registers = (Register.EAX, Register.EDX, Register.EBX, Register.ECX)
    linear = context.linear(instruction, 8, write=True)
    if linear % 8:
        raise NotHandledError("an exchange that is not aligned")
    _exchange(context, linear, 4, registers)


def cmpxchg16b(context: Context, instruction: Instruction) -> None:
    registers = (Register.RAX, Register.RDX, Register.RBX, Register.RCX)
    linear = context.linear(instruction, 16, write=True)
    if linear % 16:
        raise general_protection()
    _exchange(context, linear, 8, registers)


def _exchange(context: Context, linear: int, half: int, registers: tuple[int, int, int, int]) -> None:
    """Both forms write the operand in any case, so the access is a write even when the values differ."""
    low, high, new_low, new_high = (context.get(register).to_bytes(half, "little") for register in registers)
    ((gpa, _),) = context.spans(linear, 2 * half, write=True)
    expected = low + high
    found = context.memory.compare_exchange(gpa, expected, new_low + new_high)
    if found == expected:
        context.flags(0, ZF)
        return
    context.flags(ZF, 0)
    context.set(registers[0], int.from_bytes(found[:half], "little"))
    context.set(registers[1], int.from_bytes(found[half:], "little"))
