"""One instruction under way: registers, memory and what is to be written back when it completes.

Nothing reaches the vCPU before `commit`, so that an exception leaves the state as it was before the
instruction, as the processor's faults do.
"""

from __future__ import annotations

from typing import Final

from iced_x86 import Instruction, OpKind, Register

from kvmctl.vmm.emulator import segment
from kvmctl.vmm.emulator.cpu import Cpu
from kvmctl.vmm.emulator.fault import GuestFault, NotHandledError, Vector, general_protection, undefined
from kvmctl.vmm.emulator.fpu import FpuState
from kvmctl.vmm.emulator.paging import Access, Walker
from kvmctl.vmm.emulator.physical import PhysicalMemory
from kvmctl.vmm.emulator.registers import GENERAL, SEGMENTS
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.memory import GuestMemoryError

CF: Final = 1 << 0
PF: Final = 1 << 2
AF: Final = 1 << 4
ZF: Final = 1 << 6
SF: Final = 1 << 7
TF: Final = 1 << 8
OF: Final = 1 << 11
RF: Final = 1 << 16
AC: Final = 1 << 18

_PAGE: Final = 4096
_DR6_BS: Final = 1 << 14
_WIDE: Final = 0xFFFF_FFFF_FFFF_FFFF


class Context:
    """The vCPU's state during one instruction."""

    def __init__(self, cpu: Cpu, memory: PhysicalMemory, physical_bits: int) -> None:
        self.cpu = cpu
        self.memory = memory
        self.regs = cpu.get_regs()
        self.sregs = cpu.get_sregs()
        self.bits = segment.code_bits(self.sregs)
        self.cpl = segment.privilege(self.sregs, self.regs.rflags)
        self.event: Vector | None = None
        self.interrupt: int | None = None
        self._start_flags: int = self.regs.rflags
        self._walker = Walker(memory, self.sregs, self.regs.rflags, physical_bits)
        self._fpu: FpuState | None = None

    # flags and general registers

    def flags(self, clear: int, set_: int) -> None:
        self.regs.rflags = self.regs.rflags & ~clear | set_

    def get(self, register: int) -> int:
        name, size, shift = GENERAL[register]
        return int(getattr(self.regs, name) >> shift & (1 << 8 * size) - 1)

    def set(self, register: int, value: int) -> None:
        """Write a register; a 32-bit write clears the upper half (SDM volume 1, 3.4.1.1)."""
        name, size, shift = GENERAL[register]
        mask = (1 << 8 * size) - 1
        if size == 4:
            new = value & mask
        else:
            new = getattr(self.regs, name) & (_WIDE ^ mask << shift) | (value & mask) << shift
        setattr(self.regs, name, new)

    @property
    def fpu(self) -> FpuState:
        if self._fpu is None:
            self._fpu = FpuState(self.cpu.get_xsave())
        return self._fpu

    # instruction bytes

    def fetch(self, known: bytes, length: int) -> bytes:
        """`known` and what follows it in the guest's memory, up to `length` bytes.

        Raises what stopped the fetch only when not a single byte could be added.
        """
        code = known
        access = Access(fetch=True, user=self.cpl == 3)
        while len(code) < length:
            offset = self.regs.rip + len(code)
            base = 0 if self.bits == 64 else self.sregs.cs.base
            address = (base + offset) & (_WIDE if self.bits == 64 else 0xFFFF_FFFF)
            size = min(length - len(code), _PAGE - address % _PAGE)
            try:
                code += self.memory.ram.read(self._walker.translate(address, access), size)
            except (GuestFault, NotHandledError, GuestMemoryError):
                if len(code) > len(known):
                    break
                raise
        return code

    # memory operands

    def address(self, instruction: Instruction) -> int:
        """The offset of the memory operand in its segment (SDM volume 1, 3.7.5)."""
        base, index = instruction.memory_base, instruction.memory_index
        offset = instruction.memory_displacement
        width = 8 * instruction.memory_displ_size or self.bits
        if base in (Register.RIP, Register.EIP):
            # Decoded at address 0: the displacement already counts the instruction's length.
            width = 64 if base == Register.RIP else 32
            offset += self.regs.rip
        elif base != Register.NONE:
            width = 8 * GENERAL[base][1]
            offset += self.get(base)
        if index != Register.NONE:
            width = 8 * GENERAL[index][1]
            offset += self.get(index) * instruction.memory_index_scale
        return int(offset & (1 << width) - 1)

    def linear(self, instruction: Instruction, size: int, *, write: bool) -> int:
        name = SEGMENTS[instruction.memory_segment]
        offset = self.address(instruction)
        address = segment.linear(self.sregs, self.regs.rflags, name, offset, size, write=write)
        if self.cpl == 3 and self.regs.rflags & AC and self.sregs.cr0 & 1 << 18 and address % min(size, 8):
            raise NotHandledError("alignment checking is on")
        return address

    def spans(self, linear: int, size: int, *, write: bool) -> list[tuple[int, int]]:
        """The physical pieces of an operand: two when it crosses a page. Every fault comes from here."""
        access = Access(write=write, user=self.cpl == 3)
        first = min(size, _PAGE - linear % _PAGE)
        spans = [(self._walker.translate(linear, access), first)]
        if first < size:
            wrap = _WIDE if self.bits == 64 else 0xFFFF_FFFF
            spans.append((self._walker.translate((linear + first) & wrap, access), size - first))
        return spans

    def load(self, instruction: Instruction, size: int, *, aligned: bool = False) -> bytes:
        linear = self._aligned(instruction, size, aligned=aligned, write=False)
        return b"".join(self.memory.read(gpa, count) for gpa, count in self.spans(linear, size, write=False))

    def store(self, instruction: Instruction, data: bytes, *, aligned: bool = False) -> None:
        linear = self._aligned(instruction, len(data), aligned=aligned, write=True)
        start = 0
        for gpa, count in self.spans(linear, len(data), write=True):
            self.memory.write(gpa, data[start : start + count])
            start += count

    def _aligned(self, instruction: Instruction, size: int, *, aligned: bool, write: bool) -> int:
        address = self.linear(instruction, size, write=write)
        if aligned and address % size:
            raise general_protection()
        return address

    # integer operands

    def read_operand(self, instruction: Instruction, number: int, size: int) -> int:
        kind = instruction.op_kind(number)
        if kind == OpKind.REGISTER:
            return self.get(instruction.op_register(number))
        if kind == OpKind.MEMORY:
            return int.from_bytes(self.load(instruction, size), "little")
        raise NotHandledError("unexpected operand kind")

    # conditions

    def require_ring0(self) -> None:
        if self.cpl:
            raise undefined()

    # the end

    def commit(self, length: int) -> None:
        """Advance RIP and write everything back."""
        wrap = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: _WIDE}[self.bits]
        self.regs.rip = (self.regs.rip + length) & wrap
        self.regs.rflags &= ~RF
        if self._fpu is not None and self._fpu.changed:
            self.cpu.set_xsave(self._fpu.area)
        # This also drops the #UD that KVM has queued along with its exit.
        self.cpu.set_regs(self.regs)
        events = self.cpu.get_events()
        shadow = bool(events.interrupt[3])
        single_step = self._start_flags & TF and self.event is None and self.interrupt is None
        if single_step:
            self._debug_status(_DR6_BS)
        vector = Vector.DB if single_step else self.event
        if not shadow and vector is None and self.interrupt is None:
            return
        events.interrupt[3] = 0  # the shadow of STI or MOV SS covers one instruction
        events.flags = abi.VCPUEVENT_VALID_SHADOW
        if vector is not None:
            events.exception = abi.EventException(injected=1, nr=vector)
        elif self.interrupt is not None:
            events.interrupt[0] = 1
            events.interrupt[1] = self.interrupt
            events.interrupt[2] = 1
        self.cpu.set_events(events)

    def _debug_status(self, bits: int) -> None:
        debugregs = self.cpu.get_debugregs()
        debugregs.dr6 |= bits
        self.cpu.set_debugregs(debugregs)
