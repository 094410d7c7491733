"""The host end of every device: opened by the daemon for the VMM, or by kvmctl-vmm for a guest run by hand.

A kind of device has one module here with `open_all(domain, descriptors)`, and a line in the table.
"""

import errno
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from kvmctl.backends import chardev, disk, filesystem, interface, rng, vsock
from kvmctl.backends.descriptors import BackendError, Busy, Descriptors, Unsupported
from kvmctl.domain import Domain, missing_files

__all__ = [
    "BackendError",
    "Busy",
    "Descriptors",
    "Unsupported",
    "check_files",
    "open_devices",
    "remove_sockets",
    "sockets",
]

_BACKENDS: Final[tuple[Callable[[Domain, Descriptors], Domain], ...]] = (
    chardev.open_all,
    disk.open_all,
    filesystem.open_all,
    interface.open_all,
    rng.open_all,
    vsock.open_all,
)


def check_files(domain: Domain) -> None:
    """Before anything is opened or started: raises BackendError, which names all files that are missing."""
    missing = missing_files(domain)
    if missing:
        raise BackendError(FileNotFoundError(errno.ENOENT, ""), f"cannot open {', '.join(map(str, missing))}")


def open_devices(domain: Domain, descriptors: Descriptors) -> Domain:
    """Open what the domain's devices, which have their aliases, are on; the result is the live domain.

    Raises BackendError; what was opened until then is in `descriptors`, for its owner to close.
    """
    for open_all in _BACKENDS:
        domain = open_all(domain, descriptors)
    return domain


def sockets(live: Domain, run: Path | None) -> list[Path]:
    """What the domain's devices have in the file system while it runs."""
    own = [vsock.path(live, run)] if live.devices.vsock is not None and run is not None else []
    return [*chardev.sockets(live), *own]


def remove_sockets(live: Domain, run: Path) -> None:
    """After the guest's end, or a start that failed; what somebody listens on is not the guest's."""
    for path in sockets(live, run):
        with suppress(OSError):
            if chardev.is_stale(str(path)):
                path.unlink()
    shutil.rmtree(chardev.directory(live, run), ignore_errors=True)
