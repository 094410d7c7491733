"""formatdomain, "Operating system booting"."""

import re
from dataclasses import dataclass

from kvmctl.domain.binding import many, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, TEXT, Text, choice
from kvmctl.domain.errors import ErrorKind

_MACHINE = Text(
    "'pc', 'pc-i440fx-N.N', 'microvm' or 'kvmctl'",
    re.compile(r"pc|pc-(i440fx-)?[0-9]+\.[0-9]+|microvm|kvmctl"),
    ErrorKind.CONFIG_UNSUPPORTED,
)
"""All names of the PC mean the same machine, and are kept as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """A kind of device to boot from, where no kernel is given."""

    dev: str = value("@dev", choice("hd", "cdrom", "network", "fd"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Os:
    """formatdomain, "Operating system booting": direct kernel boot."""

    type: str = value("type", choice("hvm"), default="hvm", stated=True)
    arch: str = value("type/@arch", choice("x86_64"), default="x86_64")
    machine: str | None = value("type/@machine", _MACHINE, default=None)
    kernel: str | None = value("kernel", ABSOLUTE_PATH, default=None)
    initrd: str | None = value("initrd", ABSOLUTE_PATH, default=None)
    cmdline: str | None = value("cmdline", TEXT, default=None)
    boots: tuple[Boot, ...] = many("boot", Boot)
    """In their order."""
    bootmenu: str | None = value("bootmenu/@enable", choice("no"), default=None)
    smbios: str | None = value("smbios/@mode", choice("emulate", "sysinfo"), default=None)
