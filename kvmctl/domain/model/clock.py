"""formatdomain, "Time keeping"."""

import re
from dataclasses import dataclass, replace
from typing import Self

from kvmctl.domain.binding import many, value
from kvmctl.domain.codecs import ULONG, YES_NO, Adjustment, Text, choice

_TIME_ZONE = Text("a time zone as Europe/Berlin", re.compile(r"[a-zA-Z0-9_.+\-/]+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    name: str = value("@name", choice("hpet", "hypervclock", "kvmclock", "pit", "rtc", "tsc"))
    present: bool | None = value("@present", YES_NO, default=None)
    tickpolicy: str | None = value("@tickpolicy", choice("delay", "catchup", "discard"), default=None)
    """What happens to ticks that came too late for the guest."""
    track: str | None = value("@track", choice("wall", "realtime"), default=None)
    frequency: int | None = value("@frequency", ULONG, default=None)
    """Hz of the time stamp counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """formatdomain, "Time keeping": what the guest's RTC shows, and its timers."""

    offset: str = value(
        "@offset",
        choice("utc", "localtime", "timezone", "variable", "absolute"),
        default="utc",
        stated=True,
    )
    adjustment: int | str | None = value("@adjustment", Adjustment(), default=None)
    """Seconds from the basis, of offset variable; or 'reset', of utc and localtime."""
    basis: str | None = value("@basis", choice("utc", "localtime"), default=None)
    timezone: str | None = value("@timezone", _TIME_ZONE, default=None)
    start: int | None = value("@start", ULONG, default=None)
    """Seconds since the epoch that the clock starts with, of offset absolute."""
    timers: tuple[Timer, ...] = many("timer", Timer)

    def after_parse(self) -> Self:
        """utc or localtime with a number is libvirt's older way to say variable on that basis."""
        if self.offset in ("utc", "localtime") and isinstance(self.adjustment, int):
            return replace(self, offset="variable", basis=self.offset)
        return self

    def timer(self, name: str) -> Timer | None:
        return next((timer for timer in self.timers if timer.name == name), None)
