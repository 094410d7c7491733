"""Dispatch of the guest's port and memory-mapped accesses to devices.

One lock for all devices of a machine: a handler runs under it, on whichever vCPU thread made the access.
Accesses that no device claims read as all ones and are ignored when written, as on a PC's bus.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from typing import Final, Protocol

PORT_SPACE: Final = 0x1_0000


class BusError(Exception):
    """Two devices claim the same addresses, or a range is impossible."""


class Registers(Protocol):
    """A device's register block; `offset` counts from the start of the range that it was given."""

    def read(self, offset: int, size: int) -> int: ...
    def write(self, offset: int, size: int, value: int) -> None: ...


class ByteRegisters:
    """Base of devices whose registers are one byte wide: a wider access is the accesses to its bytes."""

    def read_byte(self, offset: int) -> int:
        raise NotImplementedError

    def write_byte(self, offset: int, value: int) -> None:
        raise NotImplementedError

    def read(self, offset: int, size: int) -> int:
        if size == 1:
            return self.read_byte(offset)
        return sum(self.read_byte(offset + byte) << 8 * byte for byte in range(size))

    def write(self, offset: int, size: int, value: int) -> None:
        for byte in range(size):
            self.write_byte(offset + byte, value >> 8 * byte & 0xFF)


class AddressSpace:
    """Disjoint ranges, sorted by address, each with the registers behind it."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._starts: list[int] = []
        self._ranges: list[tuple[int, int, Registers]] = []
        self._exact: dict[tuple[int, int], Registers] = {}

    def add(self, start: int, size: int, registers: Registers) -> None:
        end = start + size
        if size <= 0 or start < 0 or end > self._limit:
            raise BusError(f"{self._name} range {start:#x}+{size:#x} does not exist")
        position = bisect_right(self._starts, start)
        for other_start, other_end, other in self._ranges[max(position - 1, 0) : position + 1]:
            if start < other_end and other_start < end:
                raise BusError(
                    f"{self._name} range {start:#x}-{end - 1:#x} overlaps "
                    f"{other_start:#x}-{other_end - 1:#x} of {type(other).__name__}"
                )
        self._starts.insert(position, start)
        self._ranges.insert(position, (start, end, registers))

    def add_exact(self, address: int, size: int, registers: Registers) -> None:
        """Registers that answer accesses of just this size; any other there goes to the ranges."""
        if (address, size) in self._exact:
            raise BusError(f"{self._name} {address:#x} has two registers of {size} bytes")
        self._exact[address, size] = registers

    def remove(self, start: int) -> None:
        position = bisect_right(self._starts, start) - 1
        if position < 0 or self._starts[position] != start:
            raise BusError(f"no {self._name} range starts at {start:#x}")
        del self._starts[position]
        del self._ranges[position]

    def read(self, address: int, size: int) -> int:
        exact = self._exact.get((address, size))
        if exact is not None:
            return exact.read(0, size)
        position = bisect_right(self._starts, address) - 1
        if position >= 0:
            start, end, registers = self._ranges[position]
            if address + size <= end:
                return registers.read(address - start, size) & (1 << 8 * size) - 1
        if size == 1:
            return 0xFF
        return sum(self.read(address + byte, 1) << 8 * byte for byte in range(size))

    def write(self, address: int, size: int, value: int) -> None:
        exact = self._exact.get((address, size))
        if exact is not None:
            exact.write(0, size, value)
            return
        position = bisect_right(self._starts, address) - 1
        if position >= 0:
            start, end, registers = self._ranges[position]
            if address + size <= end:
                registers.write(address - start, size, value)
                return
        if size > 1:
            for byte in range(size):
                self.write(address + byte, 1, value >> 8 * byte & 0xFF)


class IoBus:
    """The port and the memory-mapped address space of one machine."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ports = AddressSpace("port", PORT_SPACE)
        self.mmio = AddressSpace("memory", 1 << 64)

    def pio_read(self, port: int, size: int) -> int:
        with self.lock:
            return self.ports.read(port, size)

    def pio_write(self, port: int, size: int, value: int) -> None:
        with self.lock:
            self.ports.write(port, size, value)

    def mmio_read(self, address: int, size: int) -> int:
        with self.lock:
            return self.mmio.read(address, size)

    def mmio_write(self, address: int, size: int, value: int) -> None:
        with self.lock:
            self.mmio.write(address, size, value)
