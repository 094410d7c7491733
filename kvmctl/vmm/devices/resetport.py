"""The chipset's reset registers: PS/2 system control port A (0x92) and RST_CNT (0xCF9, Intel ICH9 13.7.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Device, Platform, PowerRequest

CONTROL_A: Final = 0x92
RESET_CONTROL: Final = 0xCF9

_FAST_INIT: Final = 0x01
_A20: Final = 0x02
_RST_CPU: Final = 0x04
_RESET_KIND: Final = 0x0A  # SYS_RST and FULL_RST, which can be read back
RESET_VALUE: Final = 0x02 | _RST_CPU
"""A hard reset, in one write."""


class ControlPortA(ByteRegisters):
    """A rising edge of bit 0 resets; bit 1 is A20, which is always open here."""

    def __init__(self, power: Callable[[PowerRequest], None]) -> None:
        self._power = power
        self.reset()

    def reset(self) -> None:
        self._value = _A20

    def read_byte(self, offset: int) -> int:
        return self._value

    def write_byte(self, offset: int, value: int) -> None:
        rising = value & ~self._value & _FAST_INIT
        self._value = value | _A20
        if rising:
            self._power(PowerRequest.RESET)


class ResetControl(ByteRegisters):
    """A write with RST_CPU resets."""

    def __init__(self, power: Callable[[PowerRequest], None]) -> None:
        self._power = power
        self.reset()

    def reset(self) -> None:
        self._value = 0

    def read_byte(self, offset: int) -> int:
        return self._value

    def write_byte(self, offset: int, value: int) -> None:
        self._value = value & _RESET_KIND
        if value & _RST_CPU:
            self._power(PowerRequest.RESET)


def attach(platform: Platform) -> list[Device]:
    control_a, reset_control = ControlPortA(platform.power), ResetControl(platform.power)
    platform.bus.ports.add(CONTROL_A, 1, control_a)
    platform.bus.ports.add(RESET_CONTROL, 1, reset_control)
    return [control_a, reset_control]
