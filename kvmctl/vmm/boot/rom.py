"""A PC firmware: its image just below 4 GiB, and the last of it a second time just below 1 MiB."""

from __future__ import annotations

import ctypes
import mmap
from typing import Final

from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.source import FileSource
from kvmctl.vmm.memory import GuestMemory

_TOP: Final = 1 << 32
_LOW_TOP: Final = 1 << 20
_LOW_MOST: Final = 128 << 10
_LEAST: Final = 64 << 10
_MOST: Final = 8 << 20
_LEAST_MEMORY: Final = 2 << 20


class Rom:
    """The image in memory of ours; the guest sees it at `address`."""

    def __init__(self, descriptor: int) -> None:
        source = FileSource(descriptor, "firmware")
        self.size = source.size
        if not _LEAST <= self.size <= _MOST or self.size % mmap.PAGESIZE:
            raise BootError(
                f"not a PC firmware: {self.size} bytes, where {_LEAST} to {_MOST} in whole pages are usual"
            )
        self.address = _TOP - self.size
        self._map = mmap.mmap(-1, self.size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map[:] = source.read(0, self.size)
        self._anchor = ctypes.c_char.from_buffer(self._map)
        self.host_address = ctypes.addressof(self._anchor)

    def copy_low(self, memory: GuestMemory) -> None:
        """What real mode can reach, in RAM, where a firmware also has its variables."""
        if memory.size < _LEAST_MEMORY:
            raise BootError(f"the guest has {mib(memory.size)} of memory, {mib(_LEAST_MEMORY)} is the least")
        size = min(self.size, _LOW_MOST)
        memory.write(_LOW_TOP - size, self._map[self.size - size :])
