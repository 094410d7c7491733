"""formatdomain, "Time keeping"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """formatdomain, "Time keeping": what the guest's RTC shows."""

    offset: str = value("@offset", choice("utc", "localtime"), default="utc", stated=True)
