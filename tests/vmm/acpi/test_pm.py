"""The fixed hardware's registers, without KVM."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices import pm
from kvmctl.vmm.devices.platform import PowerRequest

BUTTON = pm.EVENT_POWER_BUTTON
HALF_PERIOD = (1 << 31) / pm.TIMER_HZ
"""Seconds from one change of the timer's highest bit to the next, 10 minutes."""


class Bench:
    """The device with a clock, an interrupt line and a timer that the test moves."""

    def __init__(self) -> None:
        self.requests: list[PowerRequest] = []
        self.seconds = 1.0
        self.sci = False
        self.due: float | None = None
        self.device = pm.PowerManagement(
            self.requests.append, self._set_sci, self._timer, now=lambda: int(self.seconds * 1e9)
        )

    def _set_sci(self, level: bool) -> None:
        self.sci = level

    def _timer(self, callback: Callable[[], None]) -> Bench:
        self.callback = callback
        return self

    def arm(self, delay: float) -> None:
        self.due = self.seconds + delay

    def disarm(self) -> None:
        self.due = None

    def word(self, offset: int) -> int:
        return self.device.read(offset, 2)

    def sleep_until_due(self) -> None:
        assert self.due is not None
        self.seconds = self.due
        self.callback()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_button_interrupts_when_enabled(bench: Bench) -> None:
    bench.device.press_power_button()
    assert (bench.word(pm.STATUS), bench.sci) == (BUTTON, False)
    bench.device.write(pm.ENABLE, 2, BUTTON)
    assert bench.sci
    bench.device.write(pm.STATUS, 2, 0)
    assert bench.sci, "zeroes clear nothing"
    bench.device.write(pm.STATUS, 2, BUTTON)
    assert (bench.word(pm.STATUS), bench.sci) == (0, False)
    bench.device.press_power_button()
    assert bench.sci
    bench.device.reset()
    assert (bench.word(pm.STATUS), bench.word(pm.ENABLE), bench.sci) == (0, 0, False)


def test_sci_is_always_enabled(bench: Bench) -> None:
    bench.device.write(pm.CONTROL, 2, 0)
    assert bench.word(pm.CONTROL) == 1


def test_s5(bench: Bench) -> None:
    bench.device.write(pm.CONTROL, 2, 0x3400)
    assert bench.requests == [], "not S5"
    bench.device.write(pm.CONTROL, 2, 0x2001)
    assert bench.requests == [PowerRequest.POWEROFF]
    assert bench.word(pm.CONTROL) == 1


def test_timer_counts(bench: Bench) -> None:
    first = bench.device.read(pm.TIMER, 4)
    bench.seconds += 1.0
    assert bench.device.read(pm.TIMER, 4) - first == pm.TIMER_HZ
    bench.seconds += 2 * HALF_PERIOD
    assert abs(bench.device.read(pm.TIMER, 4) - first - pm.TIMER_HZ) <= 1, "it wraps"


def test_timer_status(bench: Bench) -> None:
    assert bench.due is None
    bench.device.write(pm.ENABLE, 2, pm.EVENT_TIMER)
    for _ in range(3):
        assert not bench.sci
        before = bench.device.read(pm.TIMER, 4) >> 31
        bench.sleep_until_due()
        assert bench.device.read(pm.TIMER, 4) >> 31 != before
        assert bench.sci
        bench.device.write(pm.STATUS, 2, pm.EVENT_TIMER)
    bench.device.write(pm.ENABLE, 2, 0)
    assert bench.due is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 4]), st.integers(0, 11), st.integers(0, 0xFFFF_FFFF), st.floats(0, 2000)
        )
    )
)
def test_any_access(accesses: list[tuple[int, int, int, float]]) -> None:
    """The line is what status and enable say; only SLP_EN with S5 powers off."""
    bench = Bench()
    for size, offset, value, pause in accesses:
        bench.seconds += pause
        if offset + size <= 12:
            bench.device.write(offset, size, value)
            assert bench.device.read(offset, size) < 1 << 8 * size
        status = bench.word(pm.STATUS)
        assert bench.sci == bool(status & bench.word(pm.ENABLE))
        assert status & ~pm.EVENT_TIMER == 0
        assert bench.word(pm.CONTROL) & 0x2001 == 1
