# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Memory balloon device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import ON_OFF, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Memballoon:
    """formatdomain, "Memory balloon device"."""

    model: str = value("@model", choice("virtio", "none"))
    autodeflate: bool | None = value("@autodeflate", ON_OFF, default=None)
    """The guest may take memory back before it runs out of it."""
    free_page_reporting: bool | None = value("@freePageReporting", ON_OFF, default=None)
    stats_period: int | None = value("stats/@period", Unsigned(2**31 - 1, 1), default=None)
    """Seconds between the guest's reports."""
    alias: str | None = alias()
    address: Address | None = address()
