"""IRET of 32-bit kernels and boot programs, from a handler back to the code that it interrupted."""

from __future__ import annotations

import struct
from typing import Final

from iced_x86 import Instruction

from kvmctl.vmm.emulator import segment
from kvmctl.vmm.emulator.context import Context
from kvmctl.vmm.emulator.fault import NotHandledError, general_protection

_FRAME: Final = struct.Struct("<III")
_NESTED_TASK: Final = 1 << 14
_VIRTUAL_8086: Final = 1 << 17
_RESTORED: Final = 0x24_7FD5
"""All flags but VM, VIF and VIP (SDM volume 2, "IRET", RETURN-TO-SAME-PRIVILEGE-LEVEL)."""


def iretd(context: Context, instruction: Instruction) -> None:
    """At ring 0 to the same code segment: whatever changes segments needs more than the monitor does."""
    regs, sregs = context.regs, context.sregs
    if context.bits != 32 or context.cpl or regs.rflags & (_NESTED_TASK | _VIRTUAL_8086):
        raise NotHandledError("IRET of a kind that the monitor does not complete")
    if context.cpu.get_events().nmi[2]:
        raise NotHandledError("IRET out of a non-maskable interrupt")
    wrap = 0xFFFF_FFFF if sregs.ss.db else 0xFFFF
    stack = regs.rsp & wrap
    linear = segment.linear(sregs, regs.rflags, "ss", stack, _FRAME.size, write=False)
    spans = context.spans(linear, _FRAME.size, write=False)
    frame = b"".join(context.memory.read(gpa, count) for gpa, count in spans)
    target, selector, flags = _FRAME.unpack(frame)
    if flags & _VIRTUAL_8086 or selector & 0xFFFF != sregs.cs.selector:
        raise NotHandledError("IRET to another code segment")
    if target > sregs.cs.limit:
        raise general_protection()
    regs.rsp = regs.rsp & ~wrap | (stack + _FRAME.size) & wrap
    context.flags(_RESTORED, flags & _RESTORED)
    # The end of the instruction adds its length.
    regs.rip = target - instruction.len & 0xFFFF_FFFF
