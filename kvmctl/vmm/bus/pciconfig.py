"""The two ways to a PCI function's configuration space.

Mechanism #1 (PCI Local Bus Specification 3.0, 3.2.2.3.2): the ports 0xCF8 and 0xCFC. ECAM (PCI Express Base
Specification, 7.2.2): the configuration space of bus 0 in memory.
"""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.bus.pci import PciBus

CONFIG_ADDRESS: Final = 0xCF8
CONFIG_DATA: Final = 0xCFC
ECAM_BASE: Final = 0xE000_0000
ECAM_SIZE: Final = 1 << 20
"""A megabyte a bus, and there is one."""

_ENABLE: Final = 1 << 31
_ADDRESS_BITS: Final = _ENABLE | 0x00FF_FFFC
_FUNCTION_BITS: Final = 12


class ConfigAddress:
    """CONFIG_ADDRESS takes accesses of 32 bits only; narrower ones there belong to other devices."""

    def __init__(self) -> None:
        self.value = 0

    def reset(self) -> None:
        self.value = 0

    def read(self, offset: int, size: int) -> int:
        return self.value

    def write(self, offset: int, size: int, value: int) -> None:
        self.value = value & _ADDRESS_BITS


class ConfigData:
    """The window on the register that CONFIG_ADDRESS names."""

    def __init__(self, address: ConfigAddress, bus: PciBus) -> None:
        self._address = address
        self._bus = bus

    def read(self, offset: int, size: int) -> int:
        target = self._target()
        if target is None:
            return (1 << 8 * size) - 1
        devfn, register = target
        return self._bus.read(devfn, register + offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        target = self._target()
        if target is not None:
            devfn, register = target
            self._bus.write(devfn, register + offset, size, value)

    def _target(self) -> tuple[int, int] | None:
        address = self._address.value
        if not address & _ENABLE or address >> 16 & 0xFF:
            return None
        return address >> 8 & 0xFF, address & 0xFC


class Ecam:
    def __init__(self, bus: PciBus) -> None:
        self._bus = bus

    def read(self, offset: int, size: int) -> int:
        return self._bus.read(offset >> _FUNCTION_BITS, offset & (1 << _FUNCTION_BITS) - 1, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self._bus.write(offset >> _FUNCTION_BITS, offset & (1 << _FUNCTION_BITS) - 1, size, value)
