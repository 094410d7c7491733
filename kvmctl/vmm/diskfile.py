"""A raw disk image or block device of the host, by its descriptor."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.virtio import buffers

# linux/falloc.h
_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_ZERO_RANGE: Final = 16
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_ZERO_CHUNK: Final = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


class DiskFile:
    """Reads and writes at byte offsets; any thread may call. Failures are OSError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        self.size = os.lseek(fd, 0, os.SEEK_END)

    def read(self, views: Sequence[memoryview], offset: int) -> None:
        rest = list(views)
        while rest:
            done = os.preadv(self._fd, rest, offset)
            if done == 0:
                raise OSError(errno.EIO, "the file has become shorter")
            offset += done
            _, rest = buffers.split(rest, done)

    def write(self, views: Sequence[memoryview], offset: int) -> None:
        rest = list(views)
        while rest:
            done = os.pwritev(self._fd, rest, offset)
            offset += done
            _, rest = buffers.split(rest, done)

    def flush(self) -> None:
        os.fdatasync(self._fd)

    def discard(self, offset: int, length: int) -> None:
        """A hint: what cannot be given back stays as it is."""
        self._fallocate(_PUNCH_HOLE | _KEEP_SIZE, offset, length)

    def write_zeroes(self, offset: int, length: int, *, unmap: bool) -> None:
        if unmap and self._fallocate(_PUNCH_HOLE | _KEEP_SIZE, offset, length):
            return
        if self._fallocate(_ZERO_RANGE | _KEEP_SIZE, offset, length):
            return
        zeroes = memoryview(bytes(min(length, _ZERO_CHUNK)))
        end = offset + length
        while offset < end:
            part = zeroes[: end - offset]
            self.write([part], offset)
            offset += len(part)

    def _fallocate(self, mode: int, offset: int, length: int) -> bool:
        """False where the file system or device cannot do that."""
        if _libc.fallocate64(self._fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)) == 0:
            return True
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number))
