"""formatdomain, "Security label"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import WORD, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Seclabel:
    """formatdomain, "Security label": only the statement that there is none."""

    type: str = value("@type", choice("none"))
    model: str | None = value("@model", WORD, default=None)
    relabel: str | None = value("@relabel", choice("no"), default=None)
