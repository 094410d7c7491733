"""Serial ports, consoles and channels."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Chardev, CharSource, Domain

SERIAL_PORTS = 4
"""COM1 to COM4."""


def check(domain: Domain) -> Iterator[Finding]:
    ports: set[int] = set()
    for index, serial in enumerate(domain.devices.serials):
        path = numbered("/domain/devices/serial", index)
        yield from _source(serial, path)
        if serial.target_type not in (None, "isa-serial"):
            message = f"target type '{serial.target_type}' is a console's: a serial port's is 'isa-serial'"
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
        yield from _console(console, index)
    yield from _channels(domain)


def _console(console: Chardev, index: int) -> Iterator[Finding]:
    path = numbered("/domain/devices/console", index)
    yield from _source(console, path)
    if console.source_type != "pty" and console.tty is not None:
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "tty needs type='pty'", f"{path}/@tty")
    if console.target_type == "isa-serial":
        message = "target type 'isa-serial' is a serial port's: a console's is 'serial' or 'virtio'"
        yield Finding(ErrorKind.XML_DETAIL, message, f"{path}/target/@type")
    elif console.target_type == "virtio":
        return
    elif index:
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "Only the first console can be a serial port", path)
    if console.address is not None:
        message = "an address on a virtio-serial controller needs <target type='virtio'/>"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/address")


def _channels(domain: Domain) -> Iterator[Finding]:
    names: set[str] = set()
    for index, channel in enumerate(domain.devices.channels):
        path = numbered("/domain/devices/channel", index)
        # Without a path, a socket is at a place of the daemon's choice.
        if channel.source_type != "unix" or channel.path is not None or channel.mode == "connect":
            yield from _source(channel, path)
        if channel.target_name is None:
            continue
        if channel.target_name in names:
            message = f"channel '{channel.target_name}' is there twice"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/target/@name")
        names.add(channel.target_name)


def _source(chardev: CharSource, path: str) -> Iterator[Finding]:
    kind = chardev.source_type
    if kind in ("file", "unix") and chardev.path is None:
        yield Finding(ErrorKind.XML_ERROR, "Missing source path attribute for char device", path)
    if kind != "file" and chardev.append is not None:
        message = f"append needs type='file': a {kind} is not appended to"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@append")
    if kind != "unix" and chardev.mode is not None:
        message = f"source mode needs type='unix': a {kind} is not connected"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@mode")
    if kind == "null" and chardev.path is not None:
        message = "source path is of no use to type='null'"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@path")
