"""What devices are to the buses, which the engine has."""

from __future__ import annotations

from typing import Protocol

from kvmctl.vmm.engine.bus import PORT_SPACE, AddressSpace, BusError, IoBus

__all__ = ["PORT_SPACE", "AddressSpace", "BusError", "ByteRegisters", "IoBus", "Registers"]


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
