"""What the guest's clock shows, and its timers."""

from collections.abc import Iterator
from typing import Final

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain
from kvmctl.domain.model.clock import Clock, Timer

_OF_OFFSETS: Final = {
    "utc": ("adjustment",),
    "localtime": ("adjustment",),
    "timezone": ("timezone",),
    "variable": ("adjustment", "basis"),
    "absolute": ("start",),
}
"""The attributes that each offset has."""
_NEEDED: Final = {"timezone": "timezone", "absolute": "start"}
_TICKS: Final = {"rtc": ("delay", "catchup"), "pit": ("delay", "discard")}
"""By timer, the policies for late ticks; the others have no ticks of their own."""


def check(domain: Domain) -> Iterator[Finding]:
    yield from _offset(domain.clock)
    names: set[str] = set()
    for index, timer in enumerate(domain.clock.timers):
        path = numbered("/domain/clock/timer", index)
        if timer.name in names:
            yield Finding(ErrorKind.XML_ERROR, f"timer '{timer.name}' is there twice", path)
        names.add(timer.name)
        yield from _timer(timer, path)


def _offset(clock: Clock) -> Iterator[Finding]:
    needed = _NEEDED.get(clock.offset)
    if needed and getattr(clock, needed) is None:
        message = f"missing '{needed}' attribute for clock with offset='{clock.offset}'"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/clock")
    for name in ("adjustment", "basis", "timezone", "start"):
        if getattr(clock, name) is not None and name not in _OF_OFFSETS[clock.offset]:
            message = f"a clock of offset='{clock.offset}' has no {name}"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"/domain/clock/@{name}")
    if clock.offset == "variable" and isinstance(clock.adjustment, str):
        message = "adjustment='reset' is for offset='utc' and offset='localtime'"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/clock/@adjustment")


def _timer(timer: Timer, path: str) -> Iterator[Finding]:
    if timer.name in ("hpet", "hypervclock") and timer.present is not False:
        message = f"the machine has no {timer.name}: use present='no'"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
    if timer.name in ("rtc", "pit", "tsc") and timer.present is False:
        message = f"the machine always has its {timer.name}"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@present")
    if timer.tickpolicy is not None and timer.tickpolicy not in _TICKS.get(timer.name, ()):
        message = f"unsupported {timer.name} timer tickpolicy '{timer.tickpolicy}'"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@tickpolicy")
    if timer.track is not None and timer.name != "rtc":
        message = f"timer '{timer.name}' has no track: only the rtc has"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@track")
    if timer.frequency is not None and timer.name != "tsc":
        message = f"timer '{timer.name}' has no frequency: only the tsc has"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@frequency")
