"""formatdomain, "panic device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Panic:
    """formatdomain, "panic device": a crash of the guest's kernel is told to the host."""

    model: str | None = value("@model", choice("isa"), default=None)
