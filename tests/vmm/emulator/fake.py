"""A vCPU and guest memory made of Python objects, in the modes that the tests need."""

from __future__ import annotations

import ctypes
from typing import TypeVar

from kvmctl.vmm.emulator import Emulator
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.memory import GuestMemoryError

RAM_SIZE = 0x40_0000
TABLES = 0x1000
XSAVE_SIZE = 4096
PRESENT, WRITABLE, USER = 1, 2, 4
T = TypeVar("T", bound=ctypes.Structure)


def _copy(value: T) -> T:
    return type(value).from_buffer_copy(bytes(value))


class FakeRam:
    def __init__(self, size: int = RAM_SIZE) -> None:
        self.data = bytearray(size)

    def view(self, gpa: int, length: int) -> memoryview:
        if gpa < 0 or gpa + length > len(self.data):
            raise GuestMemoryError(f"{gpa:#x}")
        return memoryview(self.data)[gpa : gpa + length]

    def read(self, gpa: int, length: int) -> bytes:
        return bytes(self.view(gpa, length))

    def write(self, gpa: int, data: bytes) -> None:
        self.view(gpa, len(data))[:] = data

    def entry(self, gpa: int, size: int = 8) -> int:
        return int.from_bytes(self.read(gpa, size), "little")

    def set_entry(self, gpa: int, value: int, size: int = 8) -> None:
        self.write(gpa, value.to_bytes(size, "little"))


class FakeBus:
    """Records what reaches the devices."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []
        self.values: dict[int, int] = {}

    def mmio_read(self, address: int, size: int) -> int:
        return self.values.get(address, 0) & (1 << 8 * size) - 1

    def mmio_write(self, address: int, size: int, value: int) -> None:
        self.writes.append((address, size, value))


class FakeCpu:
    """Implements kvmctl.vmm.emulator.cpu.Cpu."""

    def __init__(self) -> None:
        self.regs = abi.Regs(rflags=2)
        self.sregs = abi.Sregs()
        self.events = abi.VcpuEvents()
        self.debugregs = abi.Debugregs()
        self.xsave = bytearray(XSAVE_SIZE)
        self.xcr0 = 7
        self.settable_xcr0 = 7

    def get_regs(self) -> abi.Regs:
        return _copy(self.regs)

    def set_regs(self, regs: abi.Regs) -> None:
        self.regs = _copy(regs)
        self.events.exception = abi.EventException()

    def get_sregs(self) -> abi.Sregs:
        return _copy(self.sregs)

    def set_sregs(self, sregs: abi.Sregs) -> None:
        self.sregs = _copy(sregs)

    def get_events(self) -> abi.VcpuEvents:
        return _copy(self.events)

    def set_events(self, events: abi.VcpuEvents) -> None:
        self.events = _copy(events)

    def get_debugregs(self) -> abi.Debugregs:
        return _copy(self.debugregs)

    def set_debugregs(self, debugregs: abi.Debugregs) -> None:
        self.debugregs = _copy(debugregs)

    def get_xsave(self) -> bytearray:
        return bytearray(self.xsave)

    def set_xsave(self, area: bytearray) -> None:
        self.xsave = bytearray(area)

    def get_xcr0(self) -> int:
        return self.xcr0

    def set_xcr0(self, value: int) -> bool:
        if value & ~self.settable_xcr0:
            return False
        self.xcr0 = value
        return True

    def exception(self) -> tuple[int, int | None] | None:
        """The injected exception: vector and error code."""
        exception = self.events.exception
        if not exception.injected:
            return None
        return exception.nr, exception.error_code if exception.has_error_code else None


class Guest:
    """One vCPU with memory."""

    def __init__(self) -> None:
        self.cpu = FakeCpu()
        self.ram = FakeRam()
        self.bus = FakeBus()
        self.emulator = Emulator(self.ram, self.bus)
        self._next_table = TABLES

    def real_mode(self) -> None:
        for name in ("cs", "ds", "es", "fs", "gs", "ss"):
            setattr(self.cpu.sregs, name, abi.Segment(limit=0xFFFF, type=3, present=1, s=1))

    def protected_mode(self, cpl: int = 0) -> None:
        data = abi.Segment(limit=0xFFFF_FFFF, type=3, present=1, s=1, db=1, g=1, dpl=cpl)
        for name in ("ds", "es", "fs", "gs", "ss"):
            setattr(self.cpu.sregs, name, data)
        self.cpu.sregs.cs = abi.Segment(
            limit=0xFFFF_FFFF, type=11, present=1, s=1, db=1, g=1, dpl=cpl, selector=8 | cpl
        )
        self.cpu.sregs.idt.limit = 0xFFF
        self.cpu.sregs.cr0 |= 1

    def long_mode(self, cpl: int = 0) -> None:
        """64-bit mode with empty 4-level tables."""
        self.protected_mode(cpl)
        self.cpu.sregs.cs.db, self.cpu.sregs.cs.l = 0, 1
        self.cpu.sregs.cr0 |= 1 << 31 | 1 << 16 | 0x22
        self.cpu.sregs.cr4 |= 1 << 5 | 1 << 9
        self.cpu.sregs.efer = 0x500 | 1 << 11
        self.cpu.sregs.cr3 = self.new_table()

    def new_table(self) -> int:
        table = self._next_table
        self._next_table += 0x1000
        return table

    def map(self, linear: int, physical: int, flags: int = PRESENT | WRITABLE | USER, level: int = 1) -> int:
        """Map one page of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3); returns its entry's address."""
        table: int = self.cpu.sregs.cr3
        top = 5 if self.cpu.sregs.cr4 & 1 << 12 else 4
        for step in range(top, level, -1):
            address = table + 8 * (linear >> 12 + 9 * (step - 1) & 511)
            entry = self.ram.entry(address)
            if not entry & PRESENT:
                entry = self.new_table() | PRESENT | WRITABLE | USER
                self.ram.set_entry(address, entry)
            table = entry & ~0xFFF
        address = table + 8 * (linear >> 12 + 9 * (level - 1) & 511)
        self.ram.set_entry(address, physical | flags | (1 << 7 if level > 1 else 0))
        return address

    def run(self, code: bytes | str) -> str | None:
        """Complete one instruction; `code` in hex or bytes."""
        return self.emulator.complete(self.cpu, bytes.fromhex(code) if isinstance(code, str) else code)
