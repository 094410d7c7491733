# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Consoles, serial, parallel & channel devices"."""

from dataclasses import dataclass, replace
from typing import Self

from kvmctl.domain.binding import always, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, ON_OFF, UINT, WORD, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class ChardevLog:
    """formatdomain, "Consoles, serial, parallel & channel devices": a copy of the output in a file."""

    file: str = value("@file", ABSOLUTE_PATH)
    append: bool | None = value("@append", ON_OFF, default=None)


def _is_pty(chardev: "Chardev") -> bool:
    return chardev.source_type == "pty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chardev:
    """formatdomain, "Consoles, serial, parallel & channel devices". A pty has a path while it is open."""

    source_type: str = value("@type", choice("pty", "file"), default="pty", stated=True)
    tty: str | None = value("@tty", ABSOLUTE_PATH, default=None, live=always)
    path: str | None = value("source/@path", ABSOLUTE_PATH, default=None, live=_is_pty)
    append: bool | None = value("source/@append", ON_OFF, default=None)
    log: ChardevLog | None = one("log", ChardevLog, default=None)
    target_type: str | None = value("target/@type", choice("isa-serial", "serial"), default=None)
    target_port: int | None = value("target/@port", UINT, default=None)
    target_model: str | None = value("target/model/@name", choice("isa-serial"), default=None)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)

    def after_parse(self) -> Self:
        """The terminal's name is the source's path and, on a console, also the attribute of older clients."""
        if not _is_pty(self):
            return self
        return replace(self, tty=self.path or self.tty, path=self.path or self.tty)
