"""The open files of one guest: passed by the daemon as descriptors, or opened here when run by hand."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl.host import tap
from kvmctl.vmm.chardev import pty_number
from kvmctl.vmm.devices.virtio import blk, net, rng
from kvmctl.vmm.machine import BootFiles, MachineError

if TYPE_CHECKING:
    from kvmctl.domain import Chardev, Domain, Interface

_STDIN: Final = 0
_STDOUT: Final = 1


@dataclass(slots=True)
class SerialFiles:
    """The descriptors of one serial port; `in_fd` and `out_fd` are the same for a pty."""

    out_fd: int
    in_fd: int | None = None
    log_fd: int | None = None


@dataclass(slots=True)
class Resources:
    """Everything that a guest needs open."""

    kvm_fd: int | None
    boot: BootFiles
    qmp: socket.socket | None
    serials: dict[str, SerialFiles]
    devices: dict[str, int]
    """What disks and the like are on, by the alias of the domain's device."""
    cleanup: list[Path] = field(default_factory=list)
    """What exists only while the guest does."""


def serial_alias(chardev: Chardev, index: int) -> str:
    return chardev.alias or f"serial{index}"


def device_files(domain: Domain) -> dict[str, tuple[str, int]]:
    """The path and the way of opening of what every device is on, by the device's alias."""
    files = {}
    for index, disk in enumerate(domain.devices.disks):
        if disk.source is None:
            raise MachineError(f"disk {disk.target} has no source")
        mode = os.O_RDONLY if disk.is_readonly else os.O_RDWR
        files[blk.alias(disk, index)] = (disk.source, mode)
    for index, source in enumerate(domain.devices.rngs):
        files[rng.alias(source, index)] = (source.path, os.O_RDONLY)
    return files


def interface_aliases(domain: Domain) -> list[str]:
    return [net.alias(interface, index) for index, interface in enumerate(domain.devices.interfaces)]


def from_descriptors(domain: Domain, fds: dict[str, int], cache_dir: Path | None) -> Resources:
    """What the daemon passed with --fd; the names are those of the domain's devices."""
    for name in ("kvm", "qmp", "kernel"):
        if name not in fds:
            raise MachineError(f"descriptor {name} is missing")
    for name, fd in fds.items():
        _check_open(name, fd)
        os.set_inheritable(fd, False)
    serials = {}
    for index, chardev in enumerate(domain.devices.serials):
        alias = serial_alias(chardev, index)
        if alias not in fds:
            raise MachineError(f"descriptor {alias} is missing")
        fd = fds[alias]
        if chardev.source_type == "pty":
            _check_pty(alias, fd)
        serials[alias] = SerialFiles(
            fd, fd if chardev.source_type == "pty" else None, fds.get(f"{alias}.log")
        )
    devices = {}
    for alias in (*device_files(domain), *interface_aliases(domain)):
        if alias not in fds:
            raise MachineError(f"descriptor {alias} is missing")
        devices[alias] = fds[alias]
    if not stat.S_ISSOCK(os.fstat(fds["qmp"]).st_mode):
        raise MachineError("descriptor qmp is not a socket")
    qmp = socket.socket(fileno=fds["qmp"])
    boot = BootFiles(fds["kernel"], fds.get("initrd"), cache_dir)
    return Resources(fds["kvm"], boot, qmp, serials, devices)


def _check_pty(name: str, fd: int) -> None:
    try:
        pty_number(fd)
    except OSError as error:
        raise MachineError(f"descriptor {name} is not the master of a pseudo terminal") from error


def _check_open(name: str, fd: int) -> None:
    try:
        os.fstat(fd)
    except OSError as error:
        raise MachineError(f"descriptor {name}={fd}: {error.strerror}") from error


def open_all(domain: Domain, qmp: Path | None, serial: str | None, cache_dir: Path | None) -> Resources:
    """Open what the domain names, for a guest without a daemon; `serial` replaces its first serial port."""
    if domain.os.kernel is None:
        raise MachineError("the domain has no <kernel>")
    kernel = _open(Path(domain.os.kernel), os.O_RDONLY)
    initrd = None if domain.os.initrd is None else _open(Path(domain.os.initrd), os.O_RDONLY)
    serials = {}
    for index, chardev in enumerate(domain.devices.serials):
        chosen = serial if index == 0 else None
        serials[serial_alias(chardev, index)] = _open_serial(chardev, chosen)
    devices = {alias: _open(Path(path), mode) for alias, (path, mode) in device_files(domain).items()}
    for alias, interface in zip(interface_aliases(domain), domain.devices.interfaces, strict=True):
        devices[alias] = _open_tap(interface)
    listening = None if qmp is None else _listen(qmp)
    boot = BootFiles(kernel, initrd, cache_dir)
    return Resources(None, boot, listening, serials, devices, [] if qmp is None else [qmp])


def _open_serial(chardev: Chardev, chosen: str | None) -> SerialFiles:
    log_fd = None
    if chardev.log is not None:
        log_fd = _open_output(Path(chardev.log.file), append=chardev.log.append is True)
    if chosen == "stdio":
        return SerialFiles(_STDOUT, _STDIN, log_fd)
    if chosen is not None:
        return SerialFiles(_open_output(Path(chosen), append=False), None, log_fd)
    if chardev.source_type == "file":
        if chardev.path is None:
            raise MachineError("a serial port of type file has no path")
        return SerialFiles(_open_output(Path(chardev.path), append=chardev.append is True), None, log_fd)
    master, slave = os.openpty()
    os.set_blocking(master, False)
    try:
        print(f"serial port on {os.ttyname(slave)}", flush=True)
    finally:
        os.close(slave)
    return SerialFiles(master, master, log_fd)


def _open_output(path: Path, *, append: bool) -> int:
    return _open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | (os.O_APPEND if append else os.O_TRUNC))


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MachineError(f"cannot open {path}: {error.strerror}") from error


def _open_tap(interface: Interface) -> int:
    try:
        return tap.open_tap(interface.target, interface.bridge)[0]
    except OSError as error:
        what = interface.target or "a TAP device"
        raise MachineError(f"cannot open {what}: {error.strerror}") from error


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
        listening.bind(str(path))
        listening.listen()
    except OSError as error:
        listening.close()
        raise MachineError(f"cannot listen on {path}: {error.strerror}") from error
    return listening
