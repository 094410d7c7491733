"""Guest-physical memory as an instruction sees it: RAM, and devices where there is no RAM."""

from __future__ import annotations

from typing import Protocol

from kvmctl.vmm.emulator import atomic
from kvmctl.vmm.memory import GuestMemoryError


class Ram(Protocol):
    """Guest RAM; every access outside it raises GuestMemoryError."""

    def read(self, gpa: int, length: int) -> bytes: ...
    def write(self, gpa: int, data: bytes) -> None: ...
    def view(self, gpa: int, length: int) -> memoryview: ...


class MmioBus(Protocol):
    def mmio_read(self, address: int, size: int) -> int: ...
    def mmio_write(self, address: int, size: int, value: int) -> None: ...


class PhysicalMemory:
    """Reads and writes that never cross a page; wider than 8 bytes they reach a device in pieces."""

    def __init__(self, ram: Ram, bus: MmioBus) -> None:
        self.ram = ram
        self._bus = bus

    def read(self, gpa: int, length: int) -> bytes:
        try:
            return self.ram.read(gpa, length)
        except GuestMemoryError:
            return b"".join(
                self._bus.mmio_read(address, size).to_bytes(size, "little")
                for address, size in _pieces(gpa, length)
            )

    def write(self, gpa: int, data: bytes) -> None:
        try:
            self.ram.write(gpa, data)
        except GuestMemoryError:
            for address, size in _pieces(gpa, len(data)):
                start = address - gpa
                self._bus.mmio_write(address, size, int.from_bytes(data[start : start + size], "little"))

    def compare_exchange(self, gpa: int, expected: bytes, new: bytes) -> bytes:
        """Atomically replace `expected` by `new`; returns what was there.

        On a device's registers there is nothing to be atomic with: read, compare, write.
        """
        try:
            view = self.ram.view(gpa, len(new))
        except GuestMemoryError:
            found = self.read(gpa, len(new))
            if found == expected:
                self.write(gpa, new)
            return found
        return atomic.compare_exchange(view, expected, new)


def _pieces(gpa: int, length: int) -> list[tuple[int, int]]:
    """Naturally aligned pieces of at most 8 bytes, as a bus transfers them."""
    pieces = []
    while length:
        size = 8
        while size > length or gpa % size:
            size //= 2
        pieces.append((gpa, size))
        gpa += size
        length -= size
    return pieces
