"""Locks on disk images that QEMU, its tools and our other guests heed (QEMU: block/file-posix.c).

Byte 100+N of an image is locked for reading by who uses it in way N, byte 200+N by who cannot bear others to.
The locks are those of the open file description (fcntl(2)): they go with its last descriptor, the VMM's.
"""

import errno
import fcntl
import os
import struct
import time
from typing import Final

from kvmctl.backends.descriptors import BackendError, Busy

_USES: Final = 100
_BEARS_NOT: Final = 200
# BLK_PERM_*: the ways of using an image
_READ: Final = 0
_WRITE: Final = 1
_RESIZE: Final = 3
_FLOCK: Final = struct.Struct("@hhqqi4x")
_NO_LOCKS_HERE: Final = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Of file systems without them, where keeping guests apart is left to their owner."""


_PREDECESSOR_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.02


def lock(descriptor: int, path: str, *, readonly: bool, shareable: bool) -> None:
    """Raises Busy where somebody uses the image in a way that does not go together with this one."""
    uses, bears_not = _ways(readonly=readonly, shareable=shareable)
    try:
        for byte in (*(_USES + way for way in uses), *(_BEARS_NOT + way for way in bears_not)):
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
    except OSError as error:
        if error.errno in _NO_LOCKS_HERE:
            return
        raise BackendError(error, f"cannot lock disk '{path}'") from error
    # Only now, so that of two who come at once at least one sees the other.
    if _clashes(descriptor, uses, bears_not):
        raise _busy(path)


def await_free(path: str, *, readonly: bool) -> None:
    """For a helper that locks the image by itself: one of the guest's last run ends a moment after it.

    Raises Busy; what else is wrong with the image is the helper's to say.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        deadline = time.monotonic() + _PREDECESSOR_SECONDS
        while _clashes(descriptor, *_ways(readonly=readonly, shareable=False)):
            if time.monotonic() > deadline:
                raise _busy(path)
            time.sleep(_POLL_SECONDS)
    finally:
        os.close(descriptor)


def _ways(*, readonly: bool, shareable: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How the image is used, and how others must not use it."""
    return (_READ,) if readonly else (_READ, _WRITE, _RESIZE), () if shareable else (_WRITE, _RESIZE)


def _clashes(descriptor: int, uses: tuple[int, ...], bears_not: tuple[int, ...]) -> bool:
    return any(_is_held(descriptor, _BEARS_NOT + way) for way in uses) or any(
        _is_held(descriptor, _USES + way) for way in bears_not
    )


def _is_held(descriptor: int, byte: int) -> bool:
    """By anybody else."""
    wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        kind, *_ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted))
    except OSError:
        return False
    return bool(kind != fcntl.F_UNLCK)


def _busy(path: str) -> Busy:
    return Busy(f"disk '{path}' is in use: guests that share it need <shareable/> in each of them")
