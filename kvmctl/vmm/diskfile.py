"""A raw disk image or block device of the host, by its descriptor."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Final

from kvmctl.vmm.devices.virtio import buffers

# linux/falloc.h
_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_ZERO_RANGE: Final = 16
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_ZERO_CHUNK: Final = 1 << 20
_MAX_BUFFERS: Final = 1024
"""IOV_MAX."""
SECTOR: Final = 512
_PAGE: Final = 4096
_libc = ctypes.CDLL(None, use_errno=True)


class DiskFile:
    """Reads and writes at byte offsets; any thread may call. Failures are OSError.

    O_DIRECT wants offsets, lengths and addresses aligned: what is not goes through a buffer.
    """

    def __init__(self, fd: int) -> None:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        self.fd = fd
        self.writable = flags & os.O_ACCMODE != os.O_RDONLY
        self.direct = bool(flags & os.O_DIRECT)
        self.size = os.lseek(fd, 0, os.SEEK_END)
        self.alignment = self._find_alignment() if self.direct else 1
        """Of offsets, lengths and addresses of what needs no buffer."""
        # Blocks larger than a sector are changed by reading them first; no other write may come in between.
        self._writes = threading.Lock() if self.alignment > SECTOR else None

    def read(self, views: Sequence[memoryview], offset: int) -> None:
        if self._is_aligned(views, offset):
            self._read(views, offset)
            return
        with self._window(offset, buffers.total(views)) as (window, start):
            self._read([window], start)
            buffers.scatter(views, window[offset - start :])

    def write(self, views: Sequence[memoryview], offset: int) -> None:
        with self._writes or nullcontext():
            if self._is_aligned(views, offset):
                self._write(views, offset)
                return
            with self._window(offset, buffers.total(views)) as (window, start):
                length = buffers.total(views)
                if offset != start or length != len(window):
                    self._read([window], start)
                at = offset - start
                for view in views:
                    window[at : at + len(view)] = view
                    at += len(view)
                self._write([window], start)

    def flush(self) -> None:
        os.fdatasync(self.fd)

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

    def resize(self, size: int) -> None:
        """A block device cannot be changed: it has to have become as large as that."""
        if stat.S_ISBLK(os.fstat(self.fd).st_mode):
            if os.lseek(self.fd, 0, os.SEEK_END) < size:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        else:
            os.ftruncate(self.fd, size)
        self.size = size

    @property
    def allocated(self) -> int:
        """Bytes that the host's file takes."""
        return os.fstat(self.fd).st_blocks * 512

    def _read(self, views: Sequence[memoryview], offset: int) -> None:
        rest = list(views)
        while rest:
            done = os.preadv(self.fd, rest[:_MAX_BUFFERS], offset)
            if done == 0:
                if buffers.total(rest) < self.alignment:
                    return  # the part of the last block behind the end of the file
                raise OSError(errno.EIO, "the file has become shorter")
            offset += done
            _, rest = buffers.split(rest, done)

    def _write(self, views: Sequence[memoryview], offset: int) -> None:
        rest = list(views)
        while rest:
            done = os.pwritev(self.fd, rest[:_MAX_BUFFERS], offset)
            offset += done
            _, rest = buffers.split(rest, done)

    def _fallocate(self, mode: int, offset: int, length: int) -> bool:
        """False where the file system or device cannot do that."""
        with self._writes or nullcontext():
            if _libc.fallocate64(self.fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)) == 0:
                return True
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number))

    # O_DIRECT

    def _find_alignment(self) -> int:
        """What the file system wants (open(2), O_DIRECT): a sector where one can be read, else a page."""
        with mmap.mmap(-1, _PAGE) as probe, memoryview(probe) as view:
            try:
                os.preadv(self.fd, [view[:SECTOR]], SECTOR)
            except OSError:
                return _PAGE
        return SECTOR

    def _is_aligned(self, views: Sequence[memoryview], offset: int) -> bool:
        if self.alignment == 1:
            return True
        mask = self.alignment - 1
        return not offset & mask and not any((_address(view) | len(view)) & mask for view in views)

    @contextmanager
    def _window(self, offset: int, length: int) -> Iterator[tuple[memoryview, int]]:
        """An aligned buffer for the whole blocks around these bytes, and where they start."""
        start = offset // self.alignment * self.alignment
        end = -(-(offset + length) // self.alignment) * self.alignment
        with mmap.mmap(-1, max(end - start, 1)) as pages, memoryview(pages) as window:
            yield window, start


def _address(view: memoryview) -> int:
    if view.readonly or not len(view):
        return 1 if len(view) else 0
    return ctypes.addressof(ctypes.c_char.from_buffer(view))
