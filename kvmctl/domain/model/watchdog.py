# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Watchdog devices"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """formatdomain, "Watchdog devices": what happens to a guest that no longer answers."""

    model: str = value("@model", choice("i6300esb"))
    action: str | None = value(
        "@action",
        choice("reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"),
        default=None,
    )
    alias: str | None = alias()
    address: Address | None = address()
