# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Consoles, serial, parallel & channel devices"."""

import re
from dataclasses import dataclass, replace
from typing import Self

from kvmctl.domain.binding import always, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, ON_OFF, UINT, choice
from kvmctl.domain.model.address import PortAddress
from kvmctl.domain.model.shared import alias


@dataclass(frozen=True, slots=True, kw_only=True)
class ChardevLog:
    """formatdomain, "Consoles, serial, parallel & channel devices": a copy of the output in a file."""

    file: str = value("@file", ABSOLUTE_PATH)
    append: bool | None = value("@append", ON_OFF, default=None)


def _is_placed_here(chardev: "CharSource") -> bool:
    return chardev.source_type == "pty" or is_default_path(chardev.path)


def is_default_path(path: str | None) -> bool:
    """Whether a running channel has it because it has none of its own: …/channel/ID-NAME/TARGET."""
    return bool(path and re.search(r"/channel/[0-9]+-[^/]+/[^/]+$", path))


@dataclass(frozen=True, slots=True, kw_only=True)
class CharSource:
    """The host end. A pty has a path while it is open; `mode` and `path` of a socket, its path of a file."""

    source_type: str = value("@type", choice("pty", "file", "unix", "null"), default="pty", stated=True)
    mode: str | None = value("source/@mode", choice("bind", "connect"), default=None, live=_is_placed_here)
    path: str | None = value("source/@path", ABSOLUTE_PATH, default=None, live=_is_placed_here)
    append: bool | None = value("source/@append", ON_OFF, default=None)
    log: ChardevLog | None = one("log", ChardevLog, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chardev(CharSource):
    """formatdomain, "Consoles, serial, parallel & channel devices": a serial port or a console."""

    tty: str | None = value("@tty", ABSOLUTE_PATH, default=None, live=always)
    target_type: str | None = value("target/@type", choice("isa-serial", "serial", "virtio"), default=None)
    target_port: int | None = value("target/@port", UINT, default=None)
    target_model: str | None = value("target/model/@name", choice("isa-serial"), default=None)
    alias: str | None = alias()
    address: PortAddress | None = one("address", PortAddress, default=None)

    def after_parse(self) -> Self:
        """The terminal's name is the source's path and, on a console, also the attribute of older clients."""
        if self.source_type != "pty":
            return self
        return replace(self, tty=self.path or self.tty, path=self.path or self.tty)
