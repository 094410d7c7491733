"""MC146818A real-time clock and the PC's CMOS RAM (Motorola MC146818A data sheet, with its register names).

The clock is the host's, plus an offset that changes when the guest sets it. Nothing ticks: a register's
value is computed when it is read, and a host timer runs only while the guest has an interrupt enabled.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform, Timer
from kvmctl.vmm.timekeeping import seconds_from_utc, time_source

INDEX_PORT: Final = 0x70
IRQ: Final = 8
_CMOS_SIZE: Final = 128

_SECONDS: Final = 0x00
_SECONDS_ALARM: Final = 0x01
_MINUTES: Final = 0x02
_MINUTES_ALARM: Final = 0x03
_HOURS: Final = 0x04
_HOURS_ALARM: Final = 0x05
_WEEKDAY: Final = 0x06
_DAY: Final = 0x07
_MONTH: Final = 0x08
_YEAR: Final = 0x09
_A: Final = 0x0A
_B: Final = 0x0B
_C: Final = 0x0C
_D: Final = 0x0D
CENTURY: Final = 0x32  # where the FADT of every PC says it is

_TIME_REGISTERS: Final = (_SECONDS, _MINUTES, _HOURS, _WEEKDAY, _DAY, _MONTH, _YEAR, CENTURY)

A_UIP: Final = 0x80
A_DIVIDER_32KHZ: Final = 0x20
A_RATE_1024HZ: Final = 0x06
B_SET: Final = 0x80
B_PIE: Final = 0x40
B_AIE: Final = 0x20
B_UIE: Final = 0x10
B_DM: Final = 0x04
B_24H: Final = 0x02
C_IRQF: Final = 0x80
C_PF: Final = 0x40
C_AF: Final = 0x20
C_UF: Final = 0x10
D_VRT: Final = 0x80
_HOUR_PM: Final = 0x80
_ALARM_ANY: Final = 0xC0

# UIP rises this long before the registers change (data sheet, "Update cycle").
_UPDATE_WARNING: Final = 244e-6
_DAY_SECONDS: Final = 86400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR: Final = 9998
_KIB: Final = 1 << 10
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30


class Rtc(ByteRegisters):
    """Ports 0x70 (index) and 0x71 (data)."""

    def __init__(
        self,
        set_irq: Callable[[bool], None],
        timer: Callable[[Callable[[], None]], Timer],
        *,
        ram_size: int = 0,
        vcpus: int = 1,
        utc_offset: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._set_irq = set_irq
        self._timer = timer(self._tick)
        self._now = now
        self._offset = utc_offset
        self._cmos = bytearray(_CMOS_SIZE)
        _describe_memory(self._cmos, ram_size)
        self._cmos[0x5F] = (vcpus - 1) & 0xFF
        self._cmos[_A] = A_DIVIDER_32KHZ | A_RATE_1024HZ
        self._cmos[_B] = B_24H
        self._cmos[_D] = D_VRT
        self._checked = self._clock()
        self.reset()

    def reset(self) -> None:
        """RESET# clears the interrupt enables and flags; time and RAM live on the battery."""
        self._index = 0
        self._cmos[_B] &= ~(B_PIE | B_AIE | B_UIE) & 0xFF
        self._flags = 0
        self._checked = self._clock()
        self._timer.disarm()
        self._set_irq(False)

    # ports

    def read_byte(self, offset: int) -> int:
        if offset == 0:
            return 0xFF  # the index is write-only
        index = self._index
        if index in _TIME_REGISTERS:
            return self._read_time(index)
        if index == _A:
            return self._cmos[_A] | (A_UIP if self._updating() else 0)
        if index == _C:
            return self._read_flags()
        return self._cmos[index]

    def write_byte(self, offset: int, value: int) -> None:
        if offset == 0:
            self._index = value & 0x7F  # bit 7 masks NMI, of which there is none
            return
        index = self._index
        if index in _TIME_REGISTERS:
            self._write_time(index, value)
        elif index == _A:
            self._refresh()
            self._cmos[_A] = value & ~A_UIP
            self._schedule()
        elif index == _B:
            self._write_b(value)
        elif index not in (_C, _D):
            self._refresh()
            self._cmos[index] = value
            self._schedule()

    # time

    def _clock(self) -> float:
        return self._now() + self._offset

    def _set(self) -> bool:
        return bool(self._cmos[_B] & B_SET)

    def _updating(self) -> bool:
        divider_runs = self._cmos[_A] & 0x70 == A_DIVIDER_32KHZ
        return divider_runs and not self._set() and self._clock() % 1 >= 1 - _UPDATE_WARNING

    def _read_time(self, index: int) -> int:
        if not self._set():
            self._freeze()
        return self._cmos[index]

    def _freeze(self) -> None:
        """Copy the running time into the registers."""
        now = _moment(self._clock())
        century, year = divmod(now.year, 100)
        for index, value in (
            (_SECONDS, now.second),
            (_MINUTES, now.minute),
            (_WEEKDAY, now.isoweekday() % 7 + 1),
            (_DAY, now.day),
            (_MONTH, now.month),
            (_YEAR, year),
            (CENTURY, century),
        ):
            self._cmos[index] = self._encode(value)
        self._cmos[_HOURS] = self._encode_hour(now.hour)

    def _write_time(self, index: int, value: int) -> None:
        if self._set():
            self._cmos[index] = value
            return
        self._refresh()
        self._freeze()
        self._cmos[index] = value
        self._adopt()
        self._schedule()

    def _adopt(self) -> None:
        """Let the clock run on from what the registers say."""
        cmos = self._cmos
        century = min(self._decode(cmos[CENTURY]), 99)
        year = century * 100 + min(self._decode(cmos[_YEAR]), 99)
        month = self._decode(cmos[_MONTH])
        first = datetime(min(max(year, 1), _LAST_YEAR), min(max(month, 1), 12), 1, tzinfo=UTC)
        wanted = first + timedelta(
            days=max(self._decode(cmos[_DAY]), 1) - 1,
            hours=self._decode_hour(cmos[_HOURS]),
            minutes=self._decode(cmos[_MINUTES]),
            seconds=self._decode(cmos[_SECONDS]),
        )
        host = self._now()
        self._offset = (wanted - _EPOCH).total_seconds() + host % 1 - host
        self._checked = self._clock()

    def _encode(self, value: int) -> int:
        return value if self._cmos[_B] & B_DM else value // 10 << 4 | value % 10

    def _decode(self, value: int) -> int:
        return value if self._cmos[_B] & B_DM else (value >> 4) * 10 + (value & 0x0F)

    def _encode_hour(self, hour: int) -> int:
        if self._cmos[_B] & B_24H:
            return self._encode(hour)
        return self._encode((hour + 11) % 12 + 1) | (_HOUR_PM if hour >= 12 else 0)

    def _decode_hour(self, value: int) -> int:
        if self._cmos[_B] & B_24H:
            return self._decode(value)
        return self._decode(value & ~_HOUR_PM) % 12 + (12 if value & _HOUR_PM else 0)

    # interrupts

    def _write_b(self, value: int) -> None:
        self._refresh()
        was_set = self._set()
        if value & B_SET and not was_set:
            self._freeze()
        # Setting SET takes the update interrupt with it (data sheet, register B).
        self._cmos[_B] = value & ~B_UIE if value & B_SET else value
        if was_set and not value & B_SET:
            self._adopt()
        self._update_irq()
        self._schedule()

    def _read_flags(self) -> int:
        self._refresh()
        value = self._flags | (C_IRQF if self._flags & self._cmos[_B] & (C_PF | C_AF | C_UF) else 0)
        self._flags = 0
        self._update_irq()
        self._schedule()
        return value

    def _period(self) -> float | None:
        """Seconds between periodic interrupts (data sheet, table 5, 32.768 kHz time base)."""
        rate = self._cmos[_A] & 0x0F
        if rate == 0:
            return None
        return 2.0 ** (rate + 7 - 1 if rate <= 2 else rate - 1) / 32768

    def _alarm_after(self, moment: float) -> float | None:
        """The first alarm after `moment`; None when the alarm registers name no time of day."""
        now = _moment(moment)
        day_start = moment - moment % 1 - (now.hour * 3600 + now.minute * 60 + now.second)
        hours = self._alarm_values(_HOURS_ALARM, 24, self._decode_hour)
        minutes = self._alarm_values(_MINUTES_ALARM, 60, self._decode)
        seconds = self._alarm_values(_SECONDS_ALARM, 60, self._decode)
        for day in (day_start, day_start + _DAY_SECONDS):
            for hour in hours:
                if day + hour * 3600 + 3599 <= moment:
                    continue
                for minute in minutes:
                    for second in seconds:
                        alarm = day + hour * 3600 + minute * 60 + second
                        if alarm > moment:
                            return alarm
        return None

    def _alarm_values(self, index: int, count: int, decode: Callable[[int], int]) -> list[int]:
        value = self._cmos[index]
        if value >= _ALARM_ANY:
            return list(range(count))
        decoded = decode(value)
        return [decoded] if decoded < count else []

    def _refresh(self) -> None:
        """Set the flags of everything that has happened since the last look."""
        now = self._clock()
        before = min(self._checked, now)
        period = self._period()
        if period is not None and now // period > before // period:
            self._flags |= C_PF
        if not self._set():
            if now // 1 > before // 1:
                self._flags |= C_UF
            alarm = self._alarm_after(before)
            if alarm is not None and alarm <= now:
                self._flags |= C_AF
        self._checked = now
        self._update_irq()

    def _update_irq(self) -> None:
        # The enable bits of B and the flags of C have the same positions.
        self._set_irq(bool(self._flags & self._cmos[_B] & (C_PF | C_AF | C_UF)))

    def _schedule(self) -> None:
        """Arm the timer for the next event whose interrupt is enabled."""
        now = self._clock()
        enabled = self._cmos[_B]
        due: list[float] = []
        period = self._period()
        if enabled & B_PIE and period is not None:
            due.append((now // period + 1) * period)
        if not self._set():
            if enabled & B_UIE:
                due.append(now // 1 + 1)
            alarm = self._alarm_after(now) if enabled & B_AIE else None
            if alarm is not None:
                due.append(alarm)
        if due:
            self._timer.arm(max(min(due) - now, 0.0))
        else:
            self._timer.disarm()

    def _tick(self) -> None:
        self._refresh()
        self._schedule()


def _moment(seconds: float) -> datetime:
    """The date of a count of seconds since 1970; the calendar ends where datetime's does."""
    try:
        return _EPOCH + timedelta(seconds=seconds // 1)
    except OverflowError:
        return datetime(_LAST_YEAR if seconds > 0 else 1, 1, 1, tzinfo=UTC)


def _describe_memory(cmos: bytearray, ram_size: int) -> None:
    """Memory sizes where BIOSes keep them: SeaBIOS src/hw/rtc.h, "CMOS_MEM_*"; QEMU docs/specs."""
    low = min(ram_size, 3 * _GIB)
    high = ram_size - low
    base_kib = min(low, 640 * _KIB) // _KIB
    extended_kib = min(max(low - _MIB, 0) // _KIB, 0xFFFF)
    above_16_mib = min(max(low - 16 * _MIB, 0) // (64 * _KIB), 0xFFFF)
    for index, value, size in (
        (0x15, base_kib, 2),
        (0x17, extended_kib, 2),
        (0x30, extended_kib, 2),
        (0x34, above_16_mib, 2),
        (0x5B, min(high // (64 * _KIB), 0xFF_FFFF), 3),
    ):
        cmos[index : index + size] = value.to_bytes(size, "little")


def attach(platform: Platform) -> list[Rtc]:
    rtc = Rtc(
        platform.irq(IRQ),
        platform.timer,
        ram_size=platform.memory.size,
        vcpus=len(platform.domain.present_vcpus),
        utc_offset=seconds_from_utc(platform.domain.clock, time.time()),
        now=time_source(platform.domain.clock),
    )
    platform.bus.ports.add(INDEX_PORT, 2, rtc)
    return [rtc]
