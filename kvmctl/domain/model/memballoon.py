"""formatdomain, "Memory balloon device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Memballoon:
    """formatdomain, "Memory balloon device": only the statement that there is none."""

    model: str = value("@model", choice("none"))
