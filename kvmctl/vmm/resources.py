"""The open files of one guest: passed by the daemon as descriptors, or opened here when run by hand."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl.backends import BackendError, Descriptors, boot, chardev, check_files, open_devices, sockets
from kvmctl.domain import Chardev, with_addresses, with_aliases
from kvmctl.vmm import confinement
from kvmctl.vmm.boot import cache
from kvmctl.vmm.chardev import pty_number
from kvmctl.vmm.machine import BootFiles, MachineError

if TYPE_CHECKING:
    from kvmctl.domain import Domain

_STDIN: Final = 0
_STDOUT: Final = 1
_NOWHERE: Final = "/dev/null"


@dataclass(slots=True)
class CharFiles:
    """The descriptors of one character device; `in_fd` and `out_fd` are the same for a pty and a socket."""

    out_fd: int
    in_fd: int | None = None
    log_fd: int | None = None


@dataclass(slots=True)
class Resources:
    """Everything that a guest needs open."""

    kvm_fd: int | None
    boot: BootFiles
    qmp: socket.socket | None
    chardevs: dict[str, CharFiles]
    """By the alias of the domain's device."""
    descriptors: dict[str, int]
    """Everything that is open, by the alias of the domain's device."""
    cleanup: list[Path] = field(default_factory=list)
    """What exists only while the guest does."""


def from_descriptors(domain: Domain, fds: dict[str, int], cache_dir: Path | None) -> Resources:
    """What the daemon passed with --fd; the names are those of the domain's devices."""
    booted = "firmware" if domain.os.kernel is None else "kernel"
    for name in ("kvm", "qmp", booted):
        if name not in fds:
            raise MachineError(f"descriptor {name} is missing")
    for name, fd in fds.items():
        _check_open(name, fd)
        os.set_inheritable(fd, False)
    if not stat.S_ISSOCK(os.fstat(fds["qmp"]).st_mode):
        raise MachineError("descriptor qmp is not a socket")
    qmp = socket.socket(fileno=fds["qmp"])
    return Resources(fds["kvm"], _boot_files(fds, cache_dir), qmp, _char_files(domain, fds), fds)


def _check_open(name: str, fd: int) -> None:
    try:
        os.fstat(fd)
    except OSError as error:
        raise MachineError(f"descriptor {name}={fd}: {error.strerror}") from error


def _boot_files(fds: dict[str, int], cache_dir: Path | None) -> BootFiles:
    kernel = fds.get("kernel")
    decompressed = (
        None if kernel is None or cache_dir is None else cache.prepare(kernel, cache_dir, confinement.apart)
    )
    return BootFiles(kernel, fds.get("initrd"), decompressed, fds.get("firmware"), fds.get("netboot"))


def _char_files(domain: Domain, fds: dict[str, int]) -> dict[str, CharFiles]:
    result = {}
    for device in chardev.of(domain):
        alias = device.alias or ""
        if alias not in fds:
            raise MachineError(f"descriptor {alias} is missing")
        in_fd = None
        if device.source_type in ("pty", "unix"):
            in_fd = fds[alias]
        if device.source_type == "pty":
            _check_pty(alias, fds[alias])
        result[alias] = CharFiles(fds[alias], in_fd, fds.get(f"{alias}.log"))
    return result


def _check_pty(name: str, fd: int) -> None:
    try:
        pty_number(fd)
    except OSError as error:
        raise MachineError(f"descriptor {name} is not the master of a pseudo terminal") from error


def open_all(
    domain: Domain, qmp: Path | None, serial: str | None, cache_dir: Path | None
) -> tuple[Domain, Resources]:
    """Open what the domain names, for a guest without a daemon; `serial` replaces its first serial port."""
    # For as long as the process lives.
    descriptors = Descriptors(ExitStack(), None if qmp is None else qmp.parent)
    try:
        check_files(domain)
        boot.open_files(domain, descriptors)
        live = open_devices(_with_output(with_aliases(with_addresses(domain)), serial), descriptors)
    except BackendError as error:
        raise MachineError(str(error)) from error
    chardevs = _char_files(live, descriptors.named)
    for device in chardev.of(live):
        if device.source_type in ("pty", "unix"):
            print(f"{device.alias} on {device.path}", flush=True)
    if serial == "stdio":
        chardevs[live.devices.serials[0].alias or ""] = CharFiles(_STDOUT, _STDIN)
    boot_files = _boot_files(descriptors.named, cache_dir)
    listening = None if qmp is None else _listen(qmp)
    cleanup = [*([] if qmp is None else [qmp]), *sockets(live, descriptors.run)]
    return live, Resources(None, boot_files, listening, chardevs, descriptors.named, cleanup)


def _with_output(domain: Domain, serial: str | None) -> Domain:
    """The domain with its first serial port on a file; the terminal that runs the guest is open already."""
    if serial is None:
        return domain
    first, *rest = domain.devices.serials or (Chardev(target_port=0, alias="serial0"),)
    path = _NOWHERE if serial == "stdio" else serial
    first = replace(first, source_type="file", path=path, tty=None, append=None)
    return replace(domain, devices=replace(domain.devices, serials=(first, *rest)))


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
