# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Controllers"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import UINT, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """formatdomain, "Controllers": the PCI bus, virtio-serial ones, and that there is none for USB."""

    type: str = value("@type", choice("usb", "pci", "virtio-serial"))
    index: int | None = value("@index", UINT, default=None)
    model: str | None = value("@model", choice("none", "pci-root"), default=None)
    ports: int | None = value("@ports", Unsigned(511, 1), default=None)
    """How many ports a virtio-serial controller has, with port 0, which is for consoles."""
    alias: str | None = alias()
    address: Address | None = address()
