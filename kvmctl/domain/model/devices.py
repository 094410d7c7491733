# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Devices": the lists of them, in libvirt's order."""

from dataclasses import dataclass

from kvmctl.domain.binding import many, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH
from kvmctl.domain.model.chardev import Chardev
from kvmctl.domain.model.controller import Controller
from kvmctl.domain.model.disk import Disk
from kvmctl.domain.model.interface import Interface
from kvmctl.domain.model.memballoon import Memballoon
from kvmctl.domain.model.panic import Panic
from kvmctl.domain.model.rng import Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    emulator: str | None = value("emulator", ABSOLUTE_PATH, default=None)
    disks: tuple[Disk, ...] = many("disk", Disk)
    controllers: tuple[Controller, ...] = many("controller", Controller)
    interfaces: tuple[Interface, ...] = many("interface", Interface)
    serials: tuple[Chardev, ...] = many("serial", Chardev, without=("@tty",))
    consoles: tuple[Chardev, ...] = many(
        "console", Chardev, without=("target/model/@name",), optional=("@type",)
    )
    memballoon: Memballoon | None = one("memballoon", Memballoon, default=None)
    rngs: tuple[Rng, ...] = many("rng", Rng)
    panics: tuple[Panic, ...] = many("panic", Panic)
