"""Guest RAM: one mapping.

The guest-physical layout is the PC's: RAM from 0 up to 3 GiB, a hole for the interrupt controllers and
devices below 4 GiB, and the rest of the RAM from 4 GiB up.

Memory is private and anonymous unless somebody else is to map it, too: then it is a shared memfd, which a
vhost-user back end gets by descriptor. Private memory is what the host can back with transparent huge pages
and what KSM merges; it never looks at shared mappings.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from kvmctl.host import hugepages, numa

GIB: Final = 1 << 30
PAGE_SIZE: Final = 4096
LOW_RAM_END: Final = 3 * GIB
HIGH_RAM_START: Final = 4 * GIB

_FALLOC_FL_KEEP_SIZE: Final = 1
_FALLOC_FL_PUNCH_HOLE: Final = 2
_SPLICE_CHUNK: Final = 1 << 30
_MFD_HUGE_SHIFT: Final = 26
_MAP_NORESERVE: Final = 0x4000
_MADV_POPULATE_WRITE: Final = 23
_MADV_DONTNEED: Final = 4
_ALLOCATION_CHUNK: Final = 64 << 20


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


@dataclass(frozen=True, slots=True)
class Policy:
    """The host's nodes that a part of the RAM comes from; `mode` as numa.bind has it."""

    offset: int
    size: int
    mode: str
    nodes: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What RAM is made of (formatdomain, "Memory Backing")."""

    shared: bool = True
    """Whether others may map it by its descriptor."""
    memfd: bool = False
    """A memfd even when it is private."""
    page_size: int | None = None
    """Of huge pages; None for ordinary ones."""
    mergeable: bool = False
    """Whether KSM may merge pages with those of other guests; only private ordinary memory can be."""
    locked: bool = False
    allocation_threads: int = 0
    """How many threads allocate all of it at the start; 0: pages come when they are touched."""
    policies: tuple[Policy, ...] = ()


SHARED: Final = Backing()


def layout(size: int) -> tuple[Region, ...]:
    """Place `size` bytes of RAM around the hole below 4 GiB."""
    low = min(size, LOW_RAM_END)
    regions = [Region(0, low, 0)]
    if size > low:
        regions.append(Region(HIGH_RAM_START, size - low, low))
    return tuple(regions)


class GuestMemory:
    """The RAM of one guest, addressed by guest-physical address."""

    def __init__(self, size: int, name: str = "guest-ram", backing: Backing = SHARED) -> None:
        if size <= 0:
            raise GuestMemoryError("a guest needs more than 0 bytes of memory")
        page = backing.page_size or PAGE_SIZE
        if backing.page_size is not None and size % page:
            raise GuestMemoryError(
                f"the memory of {size >> 10} KiB is no whole number of huge pages of {page >> 10} KiB"
            )
        size = (size + page - 1) // page * page
        self.size = size
        self.regions = layout(size)
        self.shared = backing.shared
        self._backing = backing
        self._page = page
        self._fd = -1
        try:
            self._map = self._create(size, name)
        except (OSError, OverflowError, ValueError) as error:
            self.close()
            raise GuestMemoryError(self._refusal(size, error)) from error
        self._bytes = memoryview(self._map)
        self._anchor = ctypes.c_char.from_buffer(self._map)
        self.host_address = ctypes.addressof(self._anchor)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def fd(self) -> int:
        """The memfd of shared memory, for somebody else to map."""
        if not self.shared:
            raise GuestMemoryError(
                "this guest's memory is private: <access mode='shared'/> lets others map it"
            )
        return self._fd

    def close(self) -> None:
        """Let go of the descriptor; the mapping goes when nobody has a view of it any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _create(self, size: int, name: str) -> mmap.mmap:
        backing = self._backing
        access = mmap.PROT_READ | mmap.PROT_WRITE
        sharing = mmap.MAP_SHARED if backing.shared else mmap.MAP_PRIVATE
        if not (backing.shared or backing.memfd or backing.page_size):
            return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, access)
        flags = os.MFD_CLOEXEC
        if backing.page_size is not None:
            flags |= os.MFD_HUGETLB | (backing.page_size.bit_length() - 1) << _MFD_HUGE_SHIFT
        self._fd = os.memfd_create(name, flags)
        os.ftruncate(self._fd, size)
        return mmap.mmap(self._fd, size, sharing, access)

    def _refusal(self, size: int, error: Exception) -> str:
        page = self._backing.page_size
        if page is None:
            return f"cannot map {size} bytes of guest memory: {error}"
        pool = hugepages.pools().get(page)
        if pool is None:
            return f"this host has no huge pages of {page >> 10} KiB"
        return (
            f"the guest needs {size // page} huge pages of {page >> 10} KiB, "
            f"{pool.free} of the host's {pool.total} are free"
        )

    def _prepare(self) -> None:
        """All that is said about the pages before the first of them is touched, then their allocation."""
        backing = self._backing
        # A core dump of the VMM is about the VMM: the guest's RAM stays out of it.
        self._map.madvise(mmap.MADV_DONTDUMP)
        if not backing.shared and backing.page_size is None:
            self._advise(mmap.MADV_HUGEPAGE, "have transparent huge pages in")
            if backing.mergeable:
                self._advise(mmap.MADV_MERGEABLE, "let KSM merge")
        for policy in backing.policies:
            try:
                numa.bind(self.host_address + policy.offset, policy.size, policy.mode, policy.nodes)
            except OSError as error:
                nodes = ", ".join(map(str, sorted(policy.nodes)))
                raise GuestMemoryError(
                    f"cannot have memory from NUMA node {nodes} of the host: {error.strerror}"
                ) from error
        if backing.allocation_threads:
            self._allocate(backing.allocation_threads)
        if backing.locked:
            self._lock()

    def _advise(self, advice: int, purpose: str) -> None:
        try:
            self._map.madvise(advice)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a kernel without it
                raise GuestMemoryError(f"cannot {purpose} guest memory: {error.strerror}") from error

    def _allocate(self, threads: int) -> None:
        """Touch every page, in chunks that the threads share out among themselves."""
        libc = ctypes.CDLL(None, use_errno=True)
        chunk = max(_ALLOCATION_CHUNK, self._page)

        def populate(offset: int) -> int:
            length = min(chunk, self.size - offset)
            address = ctypes.c_void_p(self.host_address + offset)
            done = libc.madvise(address, ctypes.c_size_t(length), _MADV_POPULATE_WRITE)
            return 0 if done == 0 else ctypes.get_errno()

        with ThreadPoolExecutor(threads, "allocation") as pool:
            for number in pool.map(populate, range(0, self.size, chunk)):
                if number:
                    raise GuestMemoryError(
                        f"cannot allocate {self.size} bytes of guest memory: {os.strerror(number)}"
                    )

    def _lock(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlock(ctypes.c_void_p(self.host_address), ctypes.c_size_t(self.size)) != 0:
            reason = os.strerror(ctypes.get_errno())
            raise GuestMemoryError(f"cannot lock {self.size} bytes of guest memory: {reason}")

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

    def host_regions(self) -> list[tuple[int, int, int]]:
        """Guest address, size and address in this process of each region, for compiled code."""
        return [(region.gpa, region.size, self.host_address + region.offset) for region in self.regions]

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
        """Back to zero-filled memory; its pages go back to the host unless they were asked for in advance."""
        backing = self._backing
        if backing.locked or backing.allocation_threads or backing.page_size:
            ctypes.memset(self.host_address, 0, self.size)
        else:
            self._give_back(0, self.size)

    def discard(self, view: memoryview) -> None:
        """Give the whole pages in what `view` returned back to the host; they read as zeroes afterwards.

        Locked memory stays as it is.
        """
        if self._backing.locked:
            return
        start = ctypes.addressof(ctypes.c_char.from_buffer(view)) - self.host_address
        first = -(-start // self._page) * self._page
        end = (start + len(view)) // self._page * self._page
        if first < end:
            self._give_back(first, end - first)

    def _give_back(self, offset: int, length: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if self.shared:
            flags = _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE
            done = libc.fallocate64(self._fd, flags, ctypes.c_int64(offset), ctypes.c_int64(length))
        else:
            address = ctypes.c_void_p(self.host_address + offset)
            done = libc.madvise(address, ctypes.c_size_t(length), _MADV_DONTNEED)
        if done != 0:
            number = ctypes.get_errno()
            raise GuestMemoryError(f"cannot clear guest memory: {os.strerror(number)}")
