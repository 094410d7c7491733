"""formatdomain, "Controllers"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import UINT, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """formatdomain, "Controllers": only the statement that there is none."""

    type: str = value("@type", choice("usb"))
    index: int | None = value("@index", UINT, default=None)
    model: str = value("@model", choice("none"))
