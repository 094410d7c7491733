# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""The domain as frozen dataclasses, and where each field lives in the XML (formatdomain, in libvirt's order).

Units are normalised: memory is in bytes. Change a domain with dataclasses.replace.
"""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from kvmctl.domain.binding import always, flags, many, one, size, value, verbatim
from kvmctl.domain.codecs import (
    ABSOLUTE_PATH,
    DISK_SERIAL,
    DISK_TARGET,
    INTERFACE_NAME,
    LINE,
    MAC_ADDRESS,
    ON_OFF,
    TEXT,
    UINT,
    UUID_TEXT,
    WORD,
    choice,
)
from kvmctl.domain.names import NAMESPACE

_LIFECYCLE = choice("destroy", "restart", "preserve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Os:
    """formatdomain, "Operating system booting": direct kernel boot."""

    type: str = value("type", choice("hvm"), default="hvm", stated=True)
    arch: str = value("type/@arch", choice("x86_64"), default="x86_64")
    machine: str | None = value("type/@machine", choice("pc", "kvmctl"), default=None)
    kernel: str | None = value("kernel", ABSOLUTE_PATH, default=None)
    initrd: str | None = value("initrd", ABSOLUTE_PATH, default=None)
    cmdline: str | None = value("cmdline", TEXT, default=None)
    smbios: str | None = value("smbios/@mode", choice("emulate", "sysinfo"), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosEntry:
    name: str = value("@name", choice("vendor", "version", "date", "release"))
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEntry:
    name: str = value(
        "@name", choice("manufacturer", "product", "version", "serial", "uuid", "sku", "family")
    )
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OemString:
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysinfo:
    """formatdomain, "SMBIOS System Information": what the guest's firmware tables say."""

    type: str = value("@type", choice("smbios"), default="smbios", stated=True)
    bios: tuple[BiosEntry, ...] = many("bios/entry", BiosEntry)
    system: tuple[SystemEntry, ...] = many("system/entry", SystemEntry)
    oem_strings: tuple[OemString, ...] = many("oemStrings/entry", OemString)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """formatdomain, "Time keeping": what the guest's RTC shows."""

    offset: str = value("@offset", choice("utc", "localtime"), default="utc", stated=True)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """formatdomain, "Controllers": only the statement that there is none."""

    type: str = value("@type", choice("usb"))
    index: int | None = value("@index", UINT, default=None)
    model: str = value("@model", choice("none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """An element that says something by being there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """formatdomain, "Hard drives, floppy disks, CDROMs": a raw image or a block device, over virtio."""

    type: str = value("@type", choice("file", "block"), default="file", stated=True)
    device: str = value("@device", choice("disk"), default="disk")
    driver_name: str | None = value("driver/@name", choice("qemu"), default=None)
    driver_type: str | None = value("driver/@type", choice("raw"), default=None)
    discard: str | None = value("driver/@discard", choice("unmap", "ignore"), default=None)
    file: str | None = value("source/@file", ABSOLUTE_PATH, default=None)
    dev: str | None = value("source/@dev", ABSOLUTE_PATH, default=None)
    target: str = value("target/@dev", DISK_TARGET)
    bus: str | None = value("target/@bus", choice("virtio"), default=None)
    readonly: Present | None = one("readonly", Present, default=None)
    serial: str | None = value("serial", DISK_SERIAL, default=None)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)

    @property
    def source(self) -> str | None:
        return self.file if self.type == "file" else self.dev

    @property
    def is_readonly(self) -> bool:
        return self.readonly is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memballoon:
    """formatdomain, "Memory balloon device": only the statement that there is none."""

    model: str = value("@model", choice("none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """formatdomain, "Network interfaces": a TAP device of the host, on a bridge or by itself, over virtio."""

    type: str = value("@type", choice("bridge", "ethernet"))
    mac: str | None = value("mac/@address", MAC_ADDRESS, default=None)
    bridge: str | None = value("source/@bridge", INTERFACE_NAME, default=None)
    target: str | None = value("target/@dev", INTERFACE_NAME, default=None)
    model: str | None = value("model/@type", choice("virtio"), default=None)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rng:
    """formatdomain, "Random number generator device": a character device of the host, over virtio."""

    model: str = value("@model", choice("virtio"), default="virtio", stated=True)
    backend: str = value("backend/@model", choice("random"), default="random", stated=True)
    path: str = value("backend", ABSOLUTE_PATH)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panic:
    """formatdomain, "panic device": a crash of the guest's kernel is told to the host."""

    model: str | None = value("@model", choice("isa"), default=None)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Our own, beside libvirt's elements: whether the guest gets what only this kind of host needs."""

    state: bool = value("@state", ON_OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """formatdomain, "Element and attribute overview"."""

    type: str = value("@type", choice("kvm"), default="kvm", stated=True)
    id: int | None = value("@id", UINT, default=None, live=always)
    name: str = value("name", TEXT)
    uuid: UUID | None = value("uuid", UUID_TEXT, default=None)
    title: str | None = value("title", LINE, default=None)
    description: str | None = value("description", TEXT, default=None)
    metadata: str | None = verbatim("metadata")
    memory: int = size("memory")
    current_memory: int | None = size("currentMemory", default=None)
    vcpus: int = value("vcpu", UINT, default=1)
    vcpu_placement: str = value("vcpu/@placement", choice("static"), default="static")
    vcpus_current: int | None = value("vcpu/@current", UINT, default=None)
    sysinfo: Sysinfo | None = one("sysinfo", Sysinfo, default=None)
    os: Os = one("os", Os, default=Os(), stated=True)
    features: tuple[str, ...] = flags("features", "acpi", "apic", "pae")
    clock: Clock = one("clock", Clock, default=Clock())
    on_poweroff: str = value("on_poweroff", _LIFECYCLE, default="destroy")
    on_reboot: str = value("on_reboot", _LIFECYCLE, default="restart")
    on_crash: str = value("on_crash", _LIFECYCLE, default="destroy")
    devices: Devices = one("devices", Devices, default=Devices())
    quirks: Quirks | None = one(f"{{{NAMESPACE}}}quirks", Quirks, default=None)

    @property
    def clock_offset(self) -> str:
        return self.clock.offset
