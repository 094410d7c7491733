"""The host side of vsock: the kernel's, where it has vhost-vsock, and a unix socket where it has not.

That socket is NAME.vsock in the run directory, beside which others listen.
"""

import errno
import fcntl
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Final

from kvmctl.backends.chardev import listen
from kvmctl.backends.descriptors import BackendError, Busy, Descriptors, Unsupported
from kvmctl.domain import Domain

VHOST_VSOCK: Final = "/dev/vhost-vsock"
_FIRST_CID: Final = 3
_LAST_CID: Final = 2**32 - 2
_SET_GUEST_CID: Final = 0x4008_AF60
_NOT_HERE: Final = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM)


def path(domain: Domain, run: Path) -> Path:
    """Clients of the host connect there; for the guest's connections to port P they listen on PATH_P."""
    return run / f"{domain.name}.vsock"


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    vsock = domain.devices.vsock
    if vsock is None:
        return domain
    alias = vsock.alias or "vsock0"
    kernel = _open_kernel()
    if kernel is not None:
        descriptors.add(f"{alias}.vhost", kernel)
        cid = _set_cid(kernel, vsock.cid)
    else:
        _listen(alias, domain, descriptors)
        # Every guest has its own sockets, so that any number but the host's will do.
        cid = vsock.cid or max(_FIRST_CID, _FIRST_CID - 1 + (domain.id or 0))
    return replace(domain, devices=replace(domain.devices, vsock=replace(vsock, cid=cid)))


def _open_kernel() -> int | None:
    try:
        return os.open(VHOST_VSOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        raise BackendError(error, f"cannot open '{VHOST_VSOCK}'") from error


def _set_cid(kernel: int, wanted: int | None) -> int:
    """The numbers are the whole host's: the one that is wanted, or the first that is free."""
    for cid in range(wanted or _FIRST_CID, (wanted or _LAST_CID) + 1):
        try:
            fcntl.ioctl(kernel, _SET_GUEST_CID, struct.pack("=Q", cid))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BackendError(error, f"cannot set the guest's CID {cid}") from error
        else:
            return cid
    raise Busy(f"the CID {wanted} is another guest's: use <cid auto='yes'/>, or another number")


def _listen(alias: str, domain: Domain, descriptors: Descriptors) -> None:
    if descriptors.run is None:
        raise Unsupported("a vsock of a guest run by hand needs --qmp: its socket is in the same directory")
    descriptors.add(alias, listen(str(path(domain, descriptors.run))).detach())
    try:
        directory = os.open(descriptors.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BackendError(error, f"cannot open directory '{descriptors.run}'") from error
    descriptors.add(f"{alias}.directory", directory)
