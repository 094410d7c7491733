"""Bytes to load from: a file by its descriptor, or what was decompressed into memory.

Files are read with pread rather than mapped: a file that shrinks under us is then an error, not a SIGBUS.
"""

from __future__ import annotations

import os
import stat
from typing import Protocol

from kvmctl.vmm.boot.errors import BootError
from kvmctl.vmm.memory import GuestMemory, GuestMemoryError


class Source(Protocol):
    """Random access to an image."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, or BootError."""

    def copy_to(self, memory: GuestMemory, gpa: int, offset: int, length: int) -> None:
        """Copy into guest memory, with no copy in between."""


class FileSource:
    """A regular file, read at explicit offsets so that the descriptor's position does not matter."""

    def __init__(self, fd: int, what: str, size: int | None = None) -> None:
        self._fd = fd
        self._what = what
        try:
            status = os.fstat(fd)
        except OSError as error:
            raise BootError(f"cannot read the {what}: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            raise BootError(f"the {what} is not a regular file")
        self.size = status.st_size if size is None else size

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise BootError(f"the {self._what} ends early: {self.size} bytes, {offset + length} needed")
        parts = []
        while length:
            try:
                part = os.pread(self._fd, length, offset)
            except OSError as error:
                raise BootError(f"cannot read the {self._what}: {error.strerror}") from error
            if not part:
                raise BootError(f"the {self._what} shrank while it was read")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def copy_to(self, memory: GuestMemory, gpa: int, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise BootError(f"the {self._what} ends early: {self.size} bytes, {offset + length} needed")
        try:
            memory.read_from_fd(gpa, self._fd, length, offset)
        except (OSError, GuestMemoryError) as error:
            raise BootError(f"cannot load the {self._what}: {error}") from error


class BytesSource:
    """An image in our own memory."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise BootError(f"the {self._what} ends early: {self.size} bytes, {offset + length} needed")
        return self._data[offset : offset + length]

    def copy_to(self, memory: GuestMemory, gpa: int, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise BootError(f"the {self._what} ends early: {self.size} bytes, {offset + length} needed")
        try:
            memory.write(gpa, memoryview(self._data)[offset : offset + length])
        except GuestMemoryError as error:
            raise BootError(f"cannot load the {self._what}: {error}") from error
