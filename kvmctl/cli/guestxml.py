"""Domain XML for the guests that the command line makes, and for the devices that it adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from .errors import Failure, Status

DISK = "PATH[,readonly,format=F,serial=S]"
NET = "KIND[,mac=M]"
_QCOW2_MAGIC = b"QFI\xfb"


def add(parent: ElementTree.Element, tag: str, text: str = "", /, **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text or None
    return child


def to_text(element: ElementTree.Element) -> str:
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode") + "\n"


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """PATH[,format=raw|qcow2][,readonly][,serial=TEXT]"""

    source: Path
    format: str
    readonly: bool = False
    serial: str | None = None

    def element(self, target: str) -> ElementTree.Element:
        """formatdomain, "Hard drives, floppy disks, CDROMs": a virtio disk."""
        block = self.source.is_block_device()
        disk = ElementTree.Element("disk", type="block" if block else "file", device="disk")
        add(disk, "driver", name="qemu", type=self.format)
        add(disk, "source", **{"dev" if block else "file": str(self.source)})
        add(disk, "target", dev=target, bus="virtio")
        if self.serial:
            add(disk, "serial", self.serial)
        if self.readonly:
            add(disk, "readonly")
        return disk


@dataclass(frozen=True, slots=True)
class NetSpec:
    """bridge=NAME, network=NAME, tap[=NAME], or user; each with [,mac=ADDRESS]"""

    kind: str
    name: str | None = None
    mac: str | None = None

    def element(self) -> ElementTree.Element:
        """formatdomain, "Network interfaces": a virtio card."""
        kind = {"tap": "ethernet"}.get(self.kind, self.kind)
        interface = ElementTree.Element("interface", type=kind)
        if self.mac:
            add(interface, "mac", address=self.mac)
        if self.kind in ("bridge", "network") and self.name:
            add(interface, "source", **{self.kind: self.name})
        elif self.kind == "tap" and self.name:
            add(interface, "target", dev=self.name)
        elif self.kind == "user":
            add(interface, "backend", type="passt")
        add(interface, "model", type="virtio")
        return interface


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest with its serial port as its console, of a kernel or else of its first disk; memory in bytes."""

    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    memory: int = 64 << 20
    vcpus: int = 1
    title: str | None = None
    disks: tuple[DiskSpec, ...] = ()
    nets: tuple[NetSpec, ...] = ()
    domain_type: str = "kvm"
    complete: bool = False
    """Also one of each device that a guest can do without."""

    def xml(self, name: str, uuid: str | None = None) -> str:
        """The domain; with a UUID it takes the place of an earlier definition."""
        domain = ElementTree.Element("domain", type=self.domain_type)
        add(domain, "name", name)
        if uuid:
            add(domain, "uuid", uuid)
        if self.title:
            add(domain, "title", self.title)
        add(domain, "memory", str(self.memory // 1024), unit="KiB")
        add(domain, "vcpu", str(self.vcpus))
        system = add(domain, "os")
        add(system, "type", "hvm", arch="x86_64")
        if self.kernel:
            add(system, "kernel", str(self.kernel.resolve()))
        if self.initrd:
            add(system, "initrd", str(self.initrd.resolve()))
        if self.cmdline:
            add(system, "cmdline", self.cmdline)
        add(add(domain, "features"), "acpi")
        for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
            add(domain, f"on_{event}", action)
        devices = add(domain, "devices")
        for number, disk in enumerate(self.disks):
            devices.append(disk.element(disk_name(number)))
        for net in self.nets:
            devices.append(net.element())
        add(devices, "serial", type="pty")
        add(devices, "console", type="pty")
        if self.complete:
            add(add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
            add(devices, "memballoon", model="virtio")
            add(add(devices, "console", type="pty"), "target", type="virtio", port="1")
        return to_text(domain)


def disk_name(number: int) -> str:
    """vda, vdb, ..., vdz, vdaa, as Linux counts them."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return "vd" + letters


def parse_disk(text: str) -> DiskSpec:
    path, _, rest = text.partition(",")
    options = _options("--disk", rest, ("format", "readonly", "serial"))
    source = Path(path).resolve()
    if not source.exists():
        raise Failure(f"the disk {path} does not exist", f"`truncate -s 1G {path}` makes an empty one.")
    if source.is_dir():
        raise Failure(f"the disk {path} is a directory", "A disk is an image file or a block device.")
    return DiskSpec(
        source,
        options.get("format") or image_format(source),
        options.get("readonly", "no") in ("", "yes", "on", "true"),
        options.get("serial"),
    )


def parse_net(text: str) -> NetSpec:
    first, _, rest = text.partition(",")
    kind, _, name = first.partition("=")
    needs_name = kind in ("bridge", "network")
    if kind not in ("bridge", "network", "tap", "user") or (needs_name != bool(name) and kind != "tap"):
        raise Failure(
            f"'{text}' is not a network",
            "Write bridge=NAME, network=NAME, tap, tap=NAME or user.",
            Status.USAGE,
        )
    options = _options("--net", rest, ("mac",))
    return NetSpec(kind, name or None, options.get("mac"))


def _options(option: str, text: str, known: tuple[str, ...]) -> Mapping[str, str]:
    pairs = dict(part.partition("=")[::2] for part in text.split(",") if part)
    for key in pairs:
        if key not in known:
            raise Failure(f"{option} does not know '{key}'", f"It knows {', '.join(known)}.", Status.USAGE)
    return pairs


def image_format(path: Path) -> str:
    """qcow2 by its magic number, else raw; a file that cannot be read here is the daemon's to judge."""
    try:
        with path.open("rb") as file:
            return "qcow2" if file.read(4) == _QCOW2_MAGIC else "raw"
    except OSError:
        return "raw"
