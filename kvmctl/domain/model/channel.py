# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Channel"."""

from dataclasses import dataclass

from kvmctl.domain.binding import always, one, value
from kvmctl.domain.codecs import LINE, choice
from kvmctl.domain.model.address import PortAddress
from kvmctl.domain.model.chardev import CharSource
from kvmctl.domain.model.shared import alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(CharSource):
    """formatdomain, "Channel": a named port of a virtio-serial controller, as for the guest agent."""

    target_type: str = value("target/@type", choice("virtio"), default="virtio", stated=True)
    target_name: str | None = value("target/@name", LINE, default=None)
    target_state: str | None = value(
        "target/@state", choice("connected", "disconnected"), default=None, live=always
    )
    """Whether the guest has the port open."""
    alias: str | None = alias()
    address: PortAddress | None = one("address", PortAddress, default=None)
