"""Character devices: a pseudo terminal, a file, a unix socket or nothing, and a log beside it."""

import os
import socket
import tty
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Chardev, Domain
from kvmctl.domain.model import Channel

_NOWHERE = "/dev/null"
_LONGEST_NAME = 20

T = TypeVar("T", Chardev, Channel)


def of(domain: Domain) -> Iterator[Chardev | Channel]:
    """The devices that have a host end: a console that is a view of a serial port is none."""
    yield from domain.devices.serials
    yield from (console for console in domain.devices.consoles if console.target_type == "virtio")
    yield from domain.devices.channels


def sockets(domain: Domain) -> list[Path]:
    """What exists in the file system only while that guest runs."""
    return [
        Path(device.path)
        for device in of(domain)
        if device.source_type == "unix" and device.mode == "bind" and device.path
    ]


def directory(domain: Domain, run: Path) -> Path:
    """Where libvirt has the sockets of channels without a path."""
    return run / "channel" / f"{domain.id or 0}-{domain.name[:_LONGEST_NAME]}"


def open_pty() -> tuple[int, str]:
    """A raw terminal pair: the VMM gets the master, consoles open the slave by its name."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    tty.setraw(slave)
    os.fchmod(slave, 0o600)
    os.close(slave)
    return master, name


def _open(device: T, descriptors: Descriptors) -> T:
    alias = device.alias or ""
    if device.source_type == "pty":
        master, terminal = open_pty()
        descriptors.add(alias, master)
        device = replace(device, path=terminal)
        if isinstance(device, Chardev):
            device = replace(device, tty=terminal)
    elif device.source_type == "unix":
        path = device.path or ""
        end = connect(path) if device.mode == "connect" else listen(path)
        descriptors.add(alias, end.detach())
    elif device.source_type == "null":
        descriptors.output(alias, _NOWHERE, append=False)
    elif device.path is not None:
        descriptors.output(alias, device.path, append=bool(device.append))
    if device.log is not None:
        descriptors.output(f"{alias}.log", device.log.file, append=bool(device.log.append))
    return device


def listen(path: str) -> socket.socket:
    """A socket that nobody listens on any more is in nobody's way."""
    with ExitStack() as stack:
        end = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            with suppress(FileNotFoundError):
                if is_stale(path):
                    Path(path).unlink()
            end.bind(path)
            Path(path).chmod(0o600)
            end.listen()
        except OSError as error:
            raise BackendError(error, f"cannot listen on '{path}'") from error
        stack.pop_all()
        return end


def is_stale(path: str) -> bool:
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def connect(path: str) -> socket.socket:
    with ExitStack() as stack:
        end = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            end.settimeout(5)
            end.connect(path)
            end.settimeout(None)
        except OSError as error:
            raise BackendError(error, f"cannot connect to '{path}'") from error
        stack.pop_all()
        return end


def _placed(channel: Channel, domain: Domain, descriptors: Descriptors) -> Channel:
    """A channel on a socket without a path gets one: …/channel/ID-NAME/TARGET."""
    if channel.source_type != "unix" or channel.path is not None:
        return channel
    if descriptors.run is None:
        raise Unsupported(f"{channel.alias} has no <source mode='bind' path='…'/>")
    place = directory(domain, descriptors.run)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackendError(error, f"cannot create directory '{place}'") from error
    name = channel.target_name or channel.alias
    return replace(channel, mode="bind", path=str(place / str(name)))


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    """A console with target type serial is a view of the first serial port."""
    devices = domain.devices
    serials = tuple(_open(serial, descriptors) for serial in devices.serials)
    consoles = tuple(
        _open(console, descriptors)
        if console.target_type == "virtio"
        else replace(console, path=serials[0].path, tty=serials[0].tty, alias=serials[0].alias)
        if serials
        else console
        for console in devices.consoles
    )
    channels = tuple(
        replace(_open(_placed(channel, domain, descriptors), descriptors), target_state="disconnected")
        for channel in devices.channels
    )
    return replace(domain, devices=replace(devices, serials=serials, consoles=consoles, channels=channels))
