# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Filesystems"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import ABSOLUTE_PATH, LINE, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """formatdomain, "Filesystems": a directory of the host, by virtiofs."""

    type: str = value("@type", choice("mount"), default="mount")
    accessmode: str | None = value("@accessmode", choice("passthrough"), default=None)
    driver_type: str = value("driver/@type", choice("virtiofs"), default="virtiofs", stated=True)
    queue_size: int | None = value("driver/@queue", Unsigned(1024, 1), default=None)
    binary: str | None = value("binary/@path", ABSOLUTE_PATH, default=None)
    source: str = value("source/@dir", ABSOLUTE_PATH)
    target: str = value("target/@dir", LINE)
    """The tag by which the guest mounts it."""
    alias: str | None = alias()
    address: Address | None = address()
