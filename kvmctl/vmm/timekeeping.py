"""A domain's <clock> for the machine: what the RTC shows, and how its timers behave."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kvmctl.backends import Unsupported

if TYPE_CHECKING:
    from kvmctl.domain.model import Clock

_HZ_A_KHZ = 1000


def seconds_from_utc(clock: Clock, now: float) -> float:
    """How far the guest's RTC is ahead of the host's time of day, `now`, when it starts.

    Raises Unsupported for a time zone that the host does not know.
    """
    match clock.offset:
        case "localtime":
            return _local(now)
        case "timezone":
            return _zone(clock.timezone or "", now)
        case "variable":
            adjustment = clock.adjustment if isinstance(clock.adjustment, int) else 0
            return adjustment + (_local(now) if clock.basis == "localtime" else 0)
        case "absolute":
            return (clock.start or 0) - now
        case _:
            return 0.0


def time_source(clock: Clock) -> Callable[[], float]:
    """The host's time of day or, for an RTC that is to keep out of its corrections, one that only runs on."""
    rtc = clock.timer("rtc")
    if rtc is None or rtc.track != "realtime":
        return time.time
    begin = time.time() - time.monotonic()
    return lambda: begin + time.monotonic()


def _local(now: float) -> float:
    return time.localtime(now).tm_gmtoff


def _zone(name: str, now: float) -> float:
    try:
        offset = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(name)).utcoffset()
    except (KeyError, ValueError, OSError) as error:
        raise Unsupported(f"this host knows no time zone '{name}'") from error
    return offset.total_seconds() if offset is not None else 0.0


def repeats_late_ticks(clock: Clock) -> bool:
    """Whether the PIT's ticks that came too late are delivered afterwards."""
    pit = clock.timer("pit")
    return pit is None or pit.tickpolicy != "discard"


def has_kvmclock(clock: Clock) -> bool:
    kvmclock = clock.timer("kvmclock")
    return kvmclock is None or kvmclock.present is not False


def tsc_khz(clock: Clock) -> int | None:
    """The rate of the guest's time stamp counter; None for the host's own."""
    tsc = clock.timer("tsc")
    return tsc.frequency // _HZ_A_KHZ if tsc is not None and tsc.frequency else None
