# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "panic device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import one, value
from kvmctl.domain.codecs import choice
from kvmctl.domain.model.address import PanicAddress
from kvmctl.domain.model.shared import alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Panic:
    """formatdomain, "panic device": a crash of the guest's kernel is told to the host."""

    model: str | None = value("@model", choice("isa"), default=None)
    alias: str | None = alias()
    address: PanicAddress | None = one("address", PanicAddress, default=None)
