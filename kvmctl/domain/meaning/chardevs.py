"""Serial ports and consoles."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Chardev, Domain

SERIAL_PORTS = 4
"""COM1 to COM4."""


def check(domain: Domain) -> Iterator[Finding]:
    ports: set[int] = set()
    for index, serial in enumerate(domain.devices.serials):
        path = numbered("/domain/devices/serial", index)
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
        path = numbered("/domain/devices/serial", SERIAL_PORTS)
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, f"the machine has {SERIAL_PORTS} serial ports", path)
    for index, console in enumerate(domain.devices.consoles):
        path = numbered("/domain/devices/console", index)
        yield from _source(console, path)
        if index:
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "Only the first console can be a serial port", path)
        if console.target_type == "isa-serial":
            message = "target type 'isa-serial' is a serial port's: a console's is 'serial'"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{path}/target/@type")


def _source(chardev: Chardev, path: str) -> Iterator[Finding]:
    if chardev.source_type == "file" and chardev.path is None:
        yield Finding(ErrorKind.XML_ERROR, "Missing source path attribute for char device", path)
    if chardev.source_type != "file" and chardev.append is not None:
        message = f"append needs type='file': a {chardev.source_type} is not appended to"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@append")
    if chardev.source_type == "file" and chardev.tty is not None:
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "tty needs type='pty'", f"{path}/@tty")
