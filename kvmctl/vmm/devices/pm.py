"""The sleep part of ACPI's power management block: PM1a_CNT (ACPI specification 6.5, 4.8.3.2).

It lies where QEMU's q35 and microvm machines have it, so that bare guests written for those find it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform, PowerRequest

PM1A_CNT: Final = 0x604
_SIZE: Final = 2
_SCI_EN: Final = 1 << 0
_SLP_TYP: Final = 7 << 10
_SLP_EN: Final = 1 << 13
_S5: Final = 0 << 10


class PowerManagement(ByteRegisters):
    """PM1a_CNT; S5 (soft off) is the one sleep state."""

    def __init__(self, power: Callable[[PowerRequest], None]) -> None:
        self._power = power
        self.reset()

    def reset(self) -> None:
        self._control = _SCI_EN

    def read_byte(self, offset: int) -> int:
        return self._control >> 8 * offset & 0xFF

    def write_byte(self, offset: int, value: int) -> None:
        shift = 8 * offset
        control = self._control & ~(0xFF << shift) | value << shift
        # SLP_EN is write-only: it always reads as zero.
        self._control = control & ~_SLP_EN
        if control & _SLP_EN and control & _SLP_TYP == _S5:
            self._power(PowerRequest.POWEROFF)


def attach(platform: Platform) -> list[PowerManagement]:
    device = PowerManagement(platform.power)
    platform.bus.ports.add(PM1A_CNT, _SIZE, device)
    return [device]
