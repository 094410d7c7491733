"""What a domain's <clock> is for the machine."""

from __future__ import annotations

import time

import pytest

from kvmctl.backends import Unsupported
from kvmctl.domain.model import Clock, Timer
from kvmctl.vmm.timekeeping import has_kvmclock, repeats_late_ticks, seconds_from_utc, time_source, tsc_khz

WINTER = 1_700_000_000.0
SUMMER = 1_690_000_000.0
HOUR = 3600


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-5")
    time.tzset()


@pytest.mark.parametrize(
    ("clock", "hours"),
    [
        (Clock(), 0),
        (Clock(offset="localtime"), 5),
        (Clock(offset="utc", adjustment="reset"), 0),
        (Clock(offset="variable", adjustment=-2 * HOUR), -2),
        (Clock(offset="variable", adjustment=HOUR, basis="utc"), 1),
        (Clock(offset="variable", adjustment=HOUR, basis="localtime"), 6),
        (Clock(offset="timezone", timezone="Europe/Berlin"), 1),
    ],
)
def test_offsets(clock: Clock, hours: int) -> None:
    assert seconds_from_utc(clock, WINTER) == hours * HOUR


def test_summer_time_is_the_zones() -> None:
    assert seconds_from_utc(Clock(offset="timezone", timezone="Europe/Berlin"), SUMMER) == 2 * HOUR


def test_a_time_of_its_own() -> None:
    assert WINTER + seconds_from_utc(Clock(offset="absolute", start=1000), WINTER) == 1000


@pytest.mark.parametrize("name", ["No/Where", "../../etc/passwd", "/etc/passwd"])
def test_zones_that_nobody_knows(name: str) -> None:
    with pytest.raises(Unsupported, match="knows no time zone"):
        seconds_from_utc(Clock(offset="timezone", timezone=name), WINTER)


def test_what_the_clock_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    track = {name: Clock(timers=(Timer(name="rtc", track=name),)) for name in ("wall", "realtime")}
    wall, realtime = time_source(track["wall"]), time_source(track["realtime"])
    before = realtime()
    assert wall is time_source(Clock()) is time.time
    assert abs(before - wall()) < HOUR
    monkeypatch.setattr("kvmctl.vmm.timekeeping.time.time", lambda: WINTER)
    assert 0 <= realtime() - before < HOUR


def test_timers() -> None:
    assert repeats_late_ticks(Clock()) and has_kvmclock(Clock()) and tsc_khz(Clock()) is None
    timers = (
        Timer(name="pit", tickpolicy="discard"),
        Timer(name="kvmclock", present=False),
        Timer(name="tsc", frequency=2_100_000_999),
    )
    clock = Clock(timers=timers)
    assert not repeats_late_ticks(clock) and not has_kvmclock(clock)
    assert tsc_khz(clock) == 2_100_000
