"""Bit counts, checksums and byte order (Intel SDM volume 2, by mnemonic)."""

from __future__ import annotations

from typing import Final

from iced_x86 import Instruction, MemorySizeExt, OpKind

from kvmctl.vmm.emulator.context import AF, CF, OF, PF, SF, ZF, Context
from kvmctl.vmm.emulator.registers import GENERAL

_CRC32C: Final = 0x82F6_3B78  # 0x11EDC6F41, bit-reflected


def _width(instruction: Instruction) -> int:
    """The destination register's size in bytes."""
    return GENERAL[instruction.op0_register][1]


def popcnt(context: Context, instruction: Instruction) -> None:
    value = context.read_operand(instruction, 1, _width(instruction))
    context.set(instruction.op0_register, value.bit_count())
    context.flags(CF | PF | AF | ZF | SF | OF, 0 if value else ZF)


def lzcnt(context: Context, instruction: Instruction) -> None:
    size = _width(instruction)
    value = context.read_operand(instruction, 1, size)
    _count(context, instruction, 8 * size - value.bit_length(), 8 * size)


def tzcnt(context: Context, instruction: Instruction) -> None:
    size = _width(instruction)
    value = context.read_operand(instruction, 1, size)
    _count(context, instruction, (value & -value).bit_length() - 1 if value else 8 * size, 8 * size)


def _count(context: Context, instruction: Instruction, count: int, width: int) -> None:
    """OF, SF, PF and AF are undefined."""
    context.set(instruction.op0_register, count)
    context.flags(CF | ZF, (CF if count == width else 0) | (0 if count else ZF))


def crc32(context: Context, instruction: Instruction) -> None:
    if instruction.op1_kind == OpKind.REGISTER:
        size = GENERAL[instruction.op1_register][1]
    else:
        size = MemorySizeExt.size(instruction.memory_size)
    value = context.read_operand(instruction, 1, size)
    crc = context.get(instruction.op0_register) & 0xFFFF_FFFF
    for byte in value.to_bytes(size, "little"):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC32C if crc & 1 else 0)
    context.set(instruction.op0_register, crc)


def movbe(context: Context, instruction: Instruction) -> None:
    if instruction.op0_kind == OpKind.REGISTER:
        size = _width(instruction)
        data = context.load(instruction, size)
        context.set(instruction.op0_register, int.from_bytes(data, "big"))
    else:
        size = GENERAL[instruction.op1_register][1]
        context.store(instruction, context.get(instruction.op1_register).to_bytes(size, "big"))
