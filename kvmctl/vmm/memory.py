"""Guest RAM: one memfd, mapped once.

A memfd rather than anonymous memory, so that another process (a vhost-user back end, a snapshot) can map
the same pages by descriptor. The guest-physical layout is the PC's: RAM from 0 up to 3 GiB, a hole for the
interrupt controllers and devices below 4 GiB, and the rest of the RAM from 4 GiB up.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import dataclass
from typing import Final

GIB: Final = 1 << 30
PAGE_SIZE: Final = 4096
LOW_RAM_END: Final = 3 * GIB
HIGH_RAM_START: Final = 4 * GIB

_FALLOC_FL_KEEP_SIZE: Final = 1
_FALLOC_FL_PUNCH_HOLE: Final = 2
_SPLICE_CHUNK: Final = 1 << 30


class GuestMemoryError(Exception):
    """An access outside guest RAM, or RAM that the host cannot provide."""


@dataclass(frozen=True, slots=True)
class Region:
    """RAM that is contiguous in guest-physical space and in the memfd."""

    gpa: int
    size: int
    offset: int

    @property
    def end(self) -> int:
        return self.gpa + self.size


def layout(size: int) -> tuple[Region, ...]:
    """Place `size` bytes of RAM around the hole below 4 GiB."""
    low = min(size, LOW_RAM_END)
    regions = [Region(0, low, 0)]
    if size > low:
        regions.append(Region(HIGH_RAM_START, size - low, low))
    return tuple(regions)


class GuestMemory:
    """The RAM of one guest, addressed by guest-physical address."""

    def __init__(self, size: int, name: str = "guest-ram") -> None:
        if size <= 0:
            raise GuestMemoryError("a guest needs more than 0 bytes of memory")
        size = (size + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
        self.size = size
        self.regions = layout(size)
        self.fd = os.memfd_create(name, os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.fd, size)
            # A core dump of the VMM is about the VMM: the guest's RAM stays out of it.
            self._map = mmap.mmap(self.fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._map.madvise(mmap.MADV_DONTDUMP)
        except (OSError, OverflowError, ValueError) as error:
            os.close(self.fd)
            raise GuestMemoryError(f"cannot map {size} bytes of guest memory: {error}") from error
        self._bytes = memoryview(self._map)
        self._anchor = ctypes.c_char.from_buffer(self._map)
        self.host_address = ctypes.addressof(self._anchor)

    def _offset(self, gpa: int, length: int) -> int:
        if length >= 0:
            for region in self.regions:
                if region.gpa <= gpa and gpa + length <= region.end:
                    return region.offset + gpa - region.gpa
        raise GuestMemoryError(f"guest memory {gpa:#x}+{length:#x} is not RAM (RAM: {self._describe()})")

    def _describe(self) -> str:
        return ", ".join(f"{region.gpa:#x}-{region.end - 1:#x}" for region in self.regions)

    def read(self, gpa: int, length: int) -> bytes:
        """Copy `length` bytes out of one region."""
        offset = self._offset(gpa, length)
        return self._map[offset : offset + length]

    def write(self, gpa: int, data: bytes | bytearray | memoryview) -> None:
        """Copy `data` into one region; nothing is written when any byte lies outside."""
        length = memoryview(data).nbytes
        offset = self._offset(gpa, length)
        self._map[offset : offset + length] = data

    def view(self, gpa: int, length: int) -> memoryview:
        """A writable view of one region's bytes, without a copy."""
        offset = self._offset(gpa, length)
        return self._bytes[offset : offset + length]

    def read_from_fd(self, gpa: int, fd: int, length: int, file_offset: int = 0) -> None:
        """Fill RAM straight from a file (a kernel, an initrd), without a copy in between."""
        target = self.view(gpa, length)
        done = 0
        while done < length:
            count = os.preadv(fd, [target[done : done + _SPLICE_CHUNK]], file_offset + done)
            if count == 0:
                raise GuestMemoryError(f"the file ends {length - done} bytes early")
            done += count

    def e820(self) -> list[tuple[int, int]]:
        """The RAM regions as (address, size); the holes below 1 MiB are the boot code's to cut out."""
        return [(region.gpa, region.size) for region in self.regions]

    def clear(self) -> None:
        """Back to zero-filled memory, giving the pages back to the host."""
        self._punch(0, self.size)

    def discard(self, view: memoryview) -> None:
        """Give the whole pages in what `view` returned back to the host; they read as zeroes afterwards."""
        start = ctypes.addressof(ctypes.c_char.from_buffer(view)) - self.host_address
        first = -(-start // PAGE_SIZE) * PAGE_SIZE
        end = (start + len(view)) // PAGE_SIZE * PAGE_SIZE
        if first < end:
            self._punch(first, end - first)

    def _punch(self, offset: int, length: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        flags = _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE
        if libc.fallocate64(self.fd, flags, ctypes.c_int64(offset), ctypes.c_int64(length)) != 0:
            number = ctypes.get_errno()
            raise GuestMemoryError(f"cannot clear guest memory: {os.strerror(number)}")
