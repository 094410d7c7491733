"""What a domain's values must mean together, beyond what each may be on its own."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from kvmctl.domain.binding import Bound, Flags, Nested, Shape, Value, shape_of
from kvmctl.domain.errors import DomainError, ErrorKind, Finding
from kvmctl.domain.model import Chardev, Disk, Domain
from kvmctl.domain.source import load
from kvmctl.domain.units import LARGEST_SIZE

LONGEST_NAME = 200
"""Bytes: the name becomes file names with suffixes of their own, and a file name has at most 255."""
MOST_VCPUS = 255
"""xAPIC identifiers are bytes, and 255 is the broadcast."""
SERIAL_PORTS = 4
"""COM1 to COM4."""


_SOURCES = {"file": "file", "block": "dev"}
"""Types of disks and the attribute of <source> that each has."""


def findings(domain: Domain) -> list[Finding]:
    checks = (_name, _memory, _vcpus, _boot, _sysinfo, _devices, _disks, _interfaces, unwritable)
    return [finding for check in checks for finding in check(domain)]


def _name(domain: Domain) -> Iterator[Finding]:
    path = "/domain/name"
    name = domain.name
    if not name.strip():
        yield Finding(ErrorKind.XML_ERROR, "the name is empty", path)
    elif "/" in name:
        yield Finding(ErrorKind.XML_ERROR, f"name {name} cannot contain '/'", path)
    elif "\n" in name:
        yield Finding(ErrorKind.XML_ERROR, f"invalid char in name: '\\n' in {name!r}", path)
    elif name.startswith("."):
        yield Finding(ErrorKind.XML_ERROR, f"name {name} cannot start with '.'", path)
    elif len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        yield Finding(ErrorKind.XML_ERROR, f"the name is longer than {LONGEST_NAME} bytes", path)


def _memory(domain: Domain) -> Iterator[Finding]:
    if domain.memory <= 0:
        message = "Memory size must be specified via <memory>, and must not be 0"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/memory")
    elif domain.memory > LARGEST_SIZE:
        yield Finding(ErrorKind.OVERFLOW, f"memory of {domain.memory} bytes is too large", "/domain/memory")
    # More than the memory, or 0, is libvirt's way to say "all of it": with_defaults does so.
    current = domain.current_memory
    if current is not None and not 0 <= current <= LARGEST_SIZE:
        message = f"current memory of {current} bytes is no size"
        yield Finding(ErrorKind.INVALID_ARG, message, "/domain/currentMemory")


def _vcpus(domain: Domain) -> Iterator[Finding]:
    if not 1 <= domain.vcpus <= MOST_VCPUS:
        kind = ErrorKind.CONFIG_UNSUPPORTED if domain.vcpus > MOST_VCPUS else ErrorKind.XML_ERROR
        yield Finding(kind, f"{domain.vcpus} vCPUs are not within 1 to {MOST_VCPUS}", "/domain/vcpu")
    current = domain.vcpus_current
    if current is not None and not 1 <= current <= domain.vcpus:
        message = f"{current} current vCPUs are not within 1 to the maximum of {domain.vcpus}"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/vcpu/@current")


def _boot(domain: Domain) -> Iterator[Finding]:
    if domain.os.kernel is None:
        for name in ("initrd", "cmdline"):
            if getattr(domain.os, name) is not None:
                message = f"<{name}> needs a <kernel> beside it"
                yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"/domain/os/{name}")


def _sysinfo(domain: Domain) -> Iterator[Finding]:
    if domain.sysinfo is None:
        if domain.os.smbios == "sysinfo":
            message = "smbios mode='sysinfo' needs a <sysinfo type='smbios'>"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/os/smbios/@mode")
        return
    for index, entry in enumerate(domain.sysinfo.system):
        if entry.name == "uuid" and entry.text.lower() != str(domain.uuid):
            path = _numbered("/domain/sysinfo/system/entry", index)
            yield Finding(ErrorKind.XML_DETAIL, "UUID mismatch between <uuid> and <sysinfo>", path)


def _numbered(path: str, index: int) -> str:
    return f"{path}[{index + 1}]" if index else path


def _devices(domain: Domain) -> Iterator[Finding]:
    ports: set[int] = set()
    for index, serial in enumerate(domain.devices.serials):
        path = _numbered("/domain/devices/serial", index)
        yield from _source(serial, path)
        if serial.target_type == "serial":
            message = "target type 'serial' is a console's: a serial port's is 'isa-serial'"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{path}/target/@type")
        port = serial.target_port
        if port is None:
            continue
        if port >= SERIAL_PORTS:
            message = f"there is no serial port {port}: the machine has ports 0 to {SERIAL_PORTS - 1}"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/target/@port")
        if port in ports:
            yield Finding(ErrorKind.XML_ERROR, f"serial port {port} is used twice", f"{path}/target/@port")
        ports.add(port)
    if len(domain.devices.serials) > SERIAL_PORTS:
        path = _numbered("/domain/devices/serial", SERIAL_PORTS)
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, f"the machine has {SERIAL_PORTS} serial ports", path)
    for index, console in enumerate(domain.devices.consoles):
        path = _numbered("/domain/devices/console", index)
        yield from _source(console, path)
        if index:
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "Only the first console can be a serial port", path)
        if console.target_type == "isa-serial":
            message = "target type 'isa-serial' is a serial port's: a console's is 'serial'"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{path}/target/@type")
    for index, controller in enumerate(domain.devices.controllers):
        if index or controller.index:
            path = _numbered("/domain/devices/controller", index)
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "only USB controller 0 can be absent", path)


def _disks(domain: Domain) -> Iterator[Finding]:
    targets: set[str] = set()
    for index, disk in enumerate(domain.devices.disks):
        path = _numbered("/domain/devices/disk", index)
        if disk.source is None:
            message = f"disk '{disk.target}' of type='{disk.type}' has no <source {_SOURCES[disk.type]}='…'/>"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        yield from _other_source(disk, path)
        if disk.target in targets:
            message = f"target '{disk.target}' duplicated for disk sources"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/target/@dev")
        targets.add(disk.target)


def _interfaces(domain: Domain) -> Iterator[Finding]:
    for index, interface in enumerate(domain.devices.interfaces):
        path = _numbered("/domain/devices/interface", index)
        if interface.type == "bridge" and interface.bridge is None:
            message = "an interface of type='bridge' has no <source bridge='…'/>"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        if interface.type != "bridge" and interface.bridge is not None:
            message = "source bridge needs type='bridge'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@bridge")


def _other_source(disk: Disk, path: str) -> Iterator[Finding]:
    for kind, name in _SOURCES.items():
        if kind != disk.type and getattr(disk, name) is not None:
            message = f"source {name} needs type='{kind}'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@{name}")


def _source(chardev: Chardev, path: str) -> Iterator[Finding]:
    if chardev.source_type == "file" and chardev.path is None:
        yield Finding(ErrorKind.XML_ERROR, "Missing source path attribute for char device", path)
    if chardev.source_type != "file" and chardev.append is not None:
        message = f"append needs type='file': a {chardev.source_type} is not appended to"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@append")
    if chardev.source_type == "file" and chardev.tty is not None:
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "tty needs type='pty'", f"{path}/@tty")


def unwritable(domain: Domain) -> Iterator[Finding]:
    """Values that no XML could have brought: objects are also built by hand."""
    yield from _object_texts(domain, shape_of(Domain), "/domain")
    if domain.metadata is not None:
        try:
            root = load(domain.metadata)
        except DomainError as error:
            yield Finding(ErrorKind.INVALID_ARG, f"metadata is not XML: {error}", "/domain/metadata")
        else:
            texts = [root.text, *(child.tail for child in root)]
            if root.tag != "metadata" or root.attrib or any(text and text.strip() for text in texts):
                message = "metadata has to be a <metadata> element that holds elements only"
                yield Finding(ErrorKind.INVALID_ARG, message, "/domain/metadata")


def _object_texts(value: Any, shape: Shape, path: str) -> Iterator[Finding]:
    for name, bound in shape.attributes.items():
        yield from _bound_text(value, bound, f"{path}/@{name}")
    if shape.text is not None:
        yield from _bound_text(value, shape.text, path)
    for name, child in shape.children.items():
        inside = f"{path}/{name}"
        if isinstance(child, Shape):
            yield from _object_texts(value, child, inside)
            continue
        if isinstance(child.content, Nested):
            item = getattr(value, child.name)
            items = item if child.content.many else () if item is None else (item,)
            nested = shape_of(child.content.cls, child.content.without)
            for index, one in enumerate(items):
                yield from _object_texts(one, nested, _numbered(inside, index))
        elif isinstance(child.content, Flags):
            for flag in set(getattr(value, child.name)).difference(child.content.names):
                yield Finding(ErrorKind.INVALID_ARG, f"unknown {name} '{flag}'", inside)


def _bound_text(value: Any, bound: Bound, path: str) -> Iterator[Finding]:
    item = getattr(value, bound.name)
    if item is None or not isinstance(bound.content, Value):
        return
    codec = bound.content.codec
    try:
        text = codec.format(item)
        etree.Element("text").text = text
        codec.parse(text)
    except (TypeError, ValueError) as error:
        yield Finding(ErrorKind.INVALID_ARG, f"value {item!r} cannot be written: {error}", path)
