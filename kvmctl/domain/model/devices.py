# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Devices": the lists of them, in libvirt's order."""

from dataclasses import dataclass

from kvmctl.domain.binding import many, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH
from kvmctl.domain.model.channel import Channel
from kvmctl.domain.model.chardev import Chardev
from kvmctl.domain.model.controller import Controller
from kvmctl.domain.model.disk import Disk
from kvmctl.domain.model.filesystem import Filesystem
from kvmctl.domain.model.interface import Interface
from kvmctl.domain.model.memballoon import Memballoon
from kvmctl.domain.model.panic import Panic
from kvmctl.domain.model.rng import Rng
from kvmctl.domain.model.vsock import Vsock
from kvmctl.domain.model.watchdog import Watchdog


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    emulator: str | None = value("emulator", ABSOLUTE_PATH, default=None)
    disks: tuple[Disk, ...] = many("disk", Disk)
    controllers: tuple[Controller, ...] = many("controller", Controller)
    filesystems: tuple[Filesystem, ...] = many("filesystem", Filesystem)
    interfaces: tuple[Interface, ...] = many("interface", Interface)
    serials: tuple[Chardev, ...] = many("serial", Chardev, without=("@tty", "address"))
    consoles: tuple[Chardev, ...] = many(
        "console", Chardev, without=("target/model/@name",), optional=("@type",)
    )
    channels: tuple[Channel, ...] = many("channel", Channel)
    watchdog: Watchdog | None = one("watchdog", Watchdog, default=None)
    memballoon: Memballoon | None = one("memballoon", Memballoon, default=None)
    rngs: tuple[Rng, ...] = many("rng", Rng)
    panics: tuple[Panic, ...] = many("panic", Panic)
    vsock: Vsock | None = one("vsock", Vsock, default=None)
