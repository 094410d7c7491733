"""ACPI's fixed hardware: PM1a event and control registers and the PM timer (ACPI specification 6.5, 4.8.3).

PM1a_CNT lies where QEMU's q35 and microvm machines have it, so that bare guests written for those find it.
The machine has no legacy mode: SCI_EN always reads as one, and there is no SMI command port to change it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform, PowerRequest, Timer

BASE: Final = 0x600
PM1A_EVT: Final = BASE
PM1A_CNT: Final = BASE + 4
PM_TMR: Final = BASE + 8
SCI: Final = 9
S5_SLEEP_TYPE: Final = 0

STATUS: Final = PM1A_EVT - BASE
ENABLE: Final = STATUS + 2
CONTROL: Final = PM1A_CNT - BASE
TIMER: Final = PM_TMR - BASE
_SIZE: Final = 12

# PM1 status and enable registers: table 4.14, table 4.15
EVENT_TIMER: Final = 1 << 0
EVENT_POWER_BUTTON: Final = 1 << 8
_EVENT_GLOBAL_LOCK: Final = 1 << 5
_EVENT_SLEEP_BUTTON: Final = 1 << 9
_EVENT_RTC: Final = 1 << 10
_ENABLES: Final = EVENT_TIMER | EVENT_POWER_BUTTON | _EVENT_GLOBAL_LOCK | _EVENT_SLEEP_BUTTON | _EVENT_RTC

# PM1 control register: table 4.16
_SCI_EN: Final = 1 << 0
_SLP_TYP_SHIFT: Final = 10
_SLP_TYP: Final = 7 << _SLP_TYP_SHIFT
_SLP_EN: Final = 1 << 13

TIMER_HZ: Final = 3_579_545
_TIMER_BITS: Final = 32


class PowerManagement(ByteRegisters):
    """PM1a_STS, PM1a_EN, PM1a_CNT and PM_TMR; S5 (soft off) is the one sleep state."""

    def __init__(
        self,
        power: Callable[[PowerRequest], None],
        set_sci: Callable[[bool], None],
        timer: Callable[[Callable[[], None]], Timer],
        *,
        now: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._power = power
        self._set_sci = set_sci
        self._carry = timer(self._update)
        self._now = now
        self.reset()

    def reset(self) -> None:
        self._status = 0
        self._enable = 0
        self._control = _SCI_EN
        self._half_periods = self._ticks() >> _TIMER_BITS - 1
        self._update()

    def press_power_button(self) -> None:
        """A short press (4.8.2.2.1.1); the guest hears of it when it has enabled the event."""
        self._status |= EVENT_POWER_BUTTON
        self._update()

    def read(self, offset: int, size: int) -> int:
        # All the timer's bytes are of one moment.
        block = self._block()
        return int.from_bytes(block[offset : offset + size], "little")

    def read_byte(self, offset: int) -> int:
        return self._block()[offset]

    def _block(self) -> bytes:
        self._update()
        timer = self._ticks() & (1 << _TIMER_BITS) - 1
        registers = ((self._status, 2), (self._enable, 2), (self._control, 4), (timer, 4))
        return b"".join(value.to_bytes(size, "little") for value, size in registers)

    def write_byte(self, offset: int, value: int) -> None:
        if offset < ENABLE:
            self._update()
            self._status &= ~(value << 8 * offset)
        elif offset < CONTROL:
            shift = 8 * (offset - ENABLE)
            self._enable = (self._enable & ~(0xFF << shift) | value << shift) & _ENABLES
        elif offset < CONTROL + 2:
            self._write_control(8 * (offset - CONTROL), value)
        self._update()

    def _write_control(self, shift: int, value: int) -> None:
        control = self._control & ~(0xFF << shift) | value << shift | _SCI_EN
        # SLP_EN is write-only: it always reads as zero.
        self._control = control & ~_SLP_EN
        if control & _SLP_EN and control & _SLP_TYP == S5_SLEEP_TYPE << _SLP_TYP_SHIFT:
            self._power(PowerRequest.POWEROFF)

    def _ticks(self) -> int:
        return self._now() * TIMER_HZ // 1_000_000_000

    def _update(self) -> None:
        """Note that the timer's highest bit has changed (4.8.3.3), and drive the interrupt line."""
        ticks = self._ticks()
        half_periods = ticks >> _TIMER_BITS - 1
        if half_periods != self._half_periods:
            self._half_periods = half_periods
            self._status |= EVENT_TIMER
        if self._enable & EVENT_TIMER and not self._status & EVENT_TIMER:
            self._carry.arm((((half_periods + 1) << _TIMER_BITS - 1) - ticks + 1) / TIMER_HZ)
        else:
            self._carry.disarm()
        self._set_sci(bool(self._status & self._enable))


def attach(platform: Platform) -> list[PowerManagement]:
    device = PowerManagement(platform.power, platform.irq(SCI), platform.timer)
    platform.bus.ports.add(BASE, _SIZE, device)
    return [device]
