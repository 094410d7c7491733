# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Operating system booting"."""

import re
from dataclasses import dataclass

from kvmctl.domain.binding import many, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, TEXT, YES_NO, Signed, Text, Unsigned, choice
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
class Loader:
    """The firmware, in place of the host's SeaBIOS."""

    path: str = value(".", ABSOLUTE_PATH)
    readonly: bool | None = value("@readonly", YES_NO, default=None)
    type: str | None = value("@type", choice("rom"), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootMenu:
    """Whether the firmware asks what to boot, and for how many milliseconds."""

    enable: bool = value("@enable", YES_NO)
    timeout: int | None = value("@timeout", Unsigned(65535), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bios:
    """formatdomain, "BIOS bootloader"."""

    useserial: bool | None = value("@useserial", YES_NO, default=None)
    """Whether the firmware's screen and keyboard are the first serial port."""
    reboot_timeout: int | None = value("@rebootTimeout", Signed(-1, 32767), default=None)
    """Milliseconds until the machine starts again when there is nothing to boot; -1 for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Os:
    """formatdomain, "Operating system booting": a kernel, or what the firmware finds on the devices."""

    type: str = value("type", choice("hvm"), default="hvm", stated=True)
    arch: str = value("type/@arch", choice("x86_64"), default="x86_64")
    machine: str | None = value("type/@machine", _MACHINE, default=None)
    loader: Loader | None = one("loader", Loader, default=None)
    kernel: str | None = value("kernel", ABSOLUTE_PATH, default=None)
    initrd: str | None = value("initrd", ABSOLUTE_PATH, default=None)
    cmdline: str | None = value("cmdline", TEXT, default=None)
    boots: tuple[Boot, ...] = many("boot", Boot)
    """In their order."""
    bootmenu: BootMenu | None = one("bootmenu", BootMenu, default=None)
    bios: Bios | None = one("bios", Bios, default=None)
    smbios: str | None = value("smbios/@mode", choice("emulate", "sysinfo"), default=None)
