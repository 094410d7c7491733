"""Decompressed kernels, kept by the SHA-256 of the compressed payload.

An entry is the kernel's ELF file followed by a trailer with its size and checksum. It appears by rename,
whole and synced, so writers need no lock; what a disk did to it later is found by the checksum. A cache
that cannot be used costs time, never a boot.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kvmctl.vmm.boot import decompress
from kvmctl.vmm.boot.errors import BootError
from kvmctl.vmm.boot.image import BzImage, recognise
from kvmctl.vmm.boot.source import FileSource

_log = logging.getLogger(__name__)

_TRAILER: Final = struct.Struct("<8sQI")
_MAGIC: Final = b"kvmctl\0\1"
_SUFFIX: Final = ".vmlinux"
_CHUNK: Final = 1 << 20
_MAX_ENTRIES: Final = 16
_MOST_BYTES: Final = 1 << 30
"""Of a kernel whose header does not tell its size."""


class KernelCache:
    """One directory of decompressed kernels."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, payload: bytes) -> Path:
        return self._directory / f"{hashlib.sha256(payload).hexdigest()}{_SUFFIX}"

    def open(self, payload: bytes) -> int | None:
        """A descriptor of the intact entry for this payload, or None; the caller closes it."""
        path = self._path(payload)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            if _intact(fd):
                with contextlib.suppress(OSError):
                    os.utime(fd)  # the age decides what is dropped first
                return fd
            _log.warning("dropping the damaged cache entry %s", path)
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cannot use the cache entry %s: %s", path, error)
        os.close(fd)
        return None

    def store(self, payload: bytes, kernel: bytes | mmap.mmap) -> None:
        """Add an entry; a failure is logged, the kernel is at hand anyway."""
        path = self._path(payload)
        try:
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            fd, name = tempfile.mkstemp(dir=self._directory, prefix=".new-")
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(kernel)
                    file.write(_TRAILER.pack(_MAGIC, len(kernel), zlib.crc32(kernel)))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).rename(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._drop_oldest()
        except OSError as error:
            _log.warning("cannot cache the decompressed kernel in %s: %s", self._directory, error)

    def _drop_oldest(self) -> None:
        ages = []
        for path in self._directory.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                ages.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(ages)[:-_MAX_ENTRIES]:
            path.unlink(missing_ok=True)


Apart = Callable[[Callable[[], bytes]], mmap.mmap | None]
"""Does work on bytes that nobody has checked somewhere safe; None when it fails."""


def prepare(kernel_fd: int, directory: Path, apart: Apart) -> int | None:
    """A descriptor of a bzImage's kernel, decompressed; None when there is none to be had.

    For a process that gives up its access to files before it boots: what is not in the cache is decompressed
    `apart`. What is wrong with the image, booting will tell.
    """
    try:
        file = FileSource(kernel_fd, "kernel")
        image = recognise(file)
        if not isinstance(image, BzImage):
            return None
        payload = file.read(image.payload_offset, image.payload_size)
        kernels = KernelCache(directory)
        cached = kernels.open(payload)
        if cached is None:
            most = image.init_size or _MOST_BYTES
            kernel = apart(lambda: decompress.decompress(payload, most))
            if kernel is None:
                return None
            kernels.store(payload, kernel)
            cached = kernels.open(payload)
    except (BootError, OSError):
        return None
    return cached


def source(fd: int) -> FileSource:
    """The kernel in an entry that `open` or `prepare` returned."""
    return FileSource(fd, "cached kernel", os.fstat(fd).st_size - _TRAILER.size)


def _intact(fd: int) -> bool:
    size = os.fstat(fd).st_size - _TRAILER.size
    if size <= 0:
        return False
    magic, stated, checksum = _TRAILER.unpack(os.pread(fd, _TRAILER.size, size))
    if magic != _MAGIC or stated != size:
        return False
    actual = position = 0
    entry = FileSource(fd, "cached kernel", size)
    try:
        while position < size:
            part = entry.read(position, min(_CHUNK, size - position))
            actual = zlib.crc32(part, actual)
            position += len(part)
    except BootError:
        return False
    return bool(actual == checksum)
