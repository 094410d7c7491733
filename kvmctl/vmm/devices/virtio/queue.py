"""The split virtqueue (virtio 1.2, 2.7), as the device sees it.

Everything in it is the guest's and may change at any time: every index, address and length is checked once,
on a copy, before it is used. The queue belongs to the one thread that serves it.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.memory import GuestMemory, GuestMemoryError

MAX_SIZE: Final = 32768
MAX_INDIRECT: Final = 1024
"""Descriptors in an indirect table: as many buffers as one preadv(2) takes."""
MAX_CHAIN_BYTES: Final = 1 << 32

DESC_NEXT: Final = 1
DESC_WRITE: Final = 2
DESC_INDIRECT: Final = 4
AVAIL_NO_INTERRUPT: Final = 1
USED_NO_NOTIFY: Final = 1

_DESCRIPTOR: Final = struct.Struct("<QIHH")
_RING_HEADER: Final = 4
_INDEX_MASK: Final = 0xFFFF


class QueueError(Exception):
    """The driver broke a rule of the queue; the device needs a reset."""


@dataclass(slots=True)
class Chain:
    """One request: buffers for the device to read, then buffers for it to write."""

    head: int
    readable: list[memoryview]
    writable: list[memoryview]
    queue: SplitQueue | None = None
    """Where it came from, for a device that fills several requests with one thing."""
    joined: Sequence[tuple[int, int]] = ()
    """Head and written bytes of those, which are given back together with this one, after it."""


@dataclass(frozen=True, slots=True)
class QueueLayout:
    """What the driver said of a queue."""

    size: int
    descriptors: int
    available: int
    used: int
    event_index: bool
    indirect: bool


class SplitQueue:
    def __init__(self, memory: GuestMemory, layout: QueueLayout) -> None:
        """Raises QueueError for a layout that breaks 2.7."""
        size = layout.size
        if not 0 < size <= MAX_SIZE or size & (size - 1):
            raise QueueError(f"a queue size of {size}")
        for name, address, alignment in (
            ("descriptor table", layout.descriptors, 16),
            ("available ring", layout.available, 2),
            ("used ring", layout.used, 4),
        ):
            if address % alignment:
                raise QueueError(f"the {name} at {address:#x} is not aligned to {alignment} bytes")
        self.layout = layout
        self._memory = memory
        self._size = size
        self._event_index = layout.event_index
        self._indirect = layout.indirect
        # The event fields behind the rings exist with VIRTIO_F_EVENT_IDX only.
        event = 2 if layout.event_index else 0
        self._table = self._view(layout.descriptors, _DESCRIPTOR.size * size)
        self._available = self._view(layout.available, _RING_HEADER + 2 * size + event).cast("H")
        self._used = self._view(layout.used, _RING_HEADER + 8 * size + event).cast("H")
        self._used_ring = self._view(layout.used, _RING_HEADER + 8 * size).cast("I")
        self._next_available = 0
        self._next_used = 0
        self._signalled_used = 0
        self._fence = threading.Lock()

    def _view(self, address: int, length: int) -> memoryview:
        try:
            return self._memory.view(address, length)
        except GuestMemoryError as error:
            raise QueueError(str(error)) from error

    def _barrier(self) -> None:
        """A full memory barrier, which x86 needs between a store and a later load: locking a lock is one."""
        with self._fence:
            pass

    # requests

    def pop(self) -> Chain | None:
        """The next request, if there is one."""
        waiting = (self._available[1] - self._next_available) & _INDEX_MASK
        if waiting == 0:
            return None
        if waiting > self._size:
            raise QueueError(f"{waiting} requests in a queue of {self._size}")
        head = self._available[2 + self._next_available % self._size]
        if head >= self._size:
            raise QueueError(f"descriptor {head} in a queue of {self._size}")
        self._next_available = (self._next_available + 1) & _INDEX_MASK
        return self._walk(head)

    def put_back(self, count: int = 1) -> None:
        """The requests that were popped last are not carried out: the next `pop` gives them again."""
        self._next_available = (self._next_available - count) & _INDEX_MASK

    def _walk(self, head: int) -> Chain:
        chain = Chain(head, [], [], self)
        table, entries = self._table, self._size
        index = head
        indirect = False
        seen = total = 0
        while True:
            address, length, flags, following = _DESCRIPTOR.unpack_from(table, index * _DESCRIPTOR.size)
            if flags & DESC_INDIRECT:
                table = self._indirect_table(address, length, flags, indirect)
                entries = len(table) // _DESCRIPTOR.size
                indirect = True
                index = seen = 0
                continue
            seen += 1
            if seen > entries:
                raise QueueError("a descriptor chain that loops or is too long")
            total += length
            if total > MAX_CHAIN_BYTES:
                raise QueueError("a descriptor chain of more than 4 GiB")
            self._add(chain, address, length, flags)
            if not flags & DESC_NEXT:
                return chain
            if following >= entries:
                raise QueueError(f"a chain to descriptor {following} of {entries}")
            index = following

    def _indirect_table(self, address: int, length: int, flags: int, nested: bool) -> memoryview:
        if nested:
            raise QueueError("an indirect table inside an indirect table")
        if not self._indirect:
            raise QueueError("an indirect table that was not negotiated")
        if flags & DESC_NEXT:
            raise QueueError("an indirect table with a next descriptor")
        if length == 0 or length % _DESCRIPTOR.size or length // _DESCRIPTOR.size > MAX_INDIRECT:
            raise QueueError(f"an indirect table of {length} bytes")
        return self._view(address, length)

    def _add(self, chain: Chain, address: int, length: int, flags: int) -> None:
        if not flags & DESC_WRITE and chain.writable:
            raise QueueError("a buffer to read after a buffer to write")
        if length:
            buffers = chain.writable if flags & DESC_WRITE else chain.readable
            buffers.append(self._view(address, length))

    # completions

    def push(self, head: int, written: int, joined: Sequence[tuple[int, int]] = ()) -> None:
        """Give a request back; `written` bytes of its writable buffers were filled, from the start.

        The driver sees the joined ones (head, written) at the same time.
        """
        for each, size in ((head, written), *joined):
            slot = self._next_used % self._size
            self._used_ring[1 + 2 * slot] = each
            self._used_ring[2 + 2 * slot] = size & 0xFFFF_FFFF
            self._next_used = (self._next_used + 1) & _INDEX_MASK
        # x86 keeps stores in order: the driver sees the elements before the index.
        self._used[1] = self._next_used

    def wants_interrupt(self) -> bool:
        """Whether the driver is to be told of what was pushed since this was last asked (2.7.7)."""
        self._barrier()
        if not self._event_index:
            return self._signalled() and not self._available[0] & AVAIL_NO_INTERRUPT
        event = self._available[2 + self._size]
        passed = (self._next_used - event - 1) & _INDEX_MASK
        wanted = passed < (self._next_used - self._signalled_used) & _INDEX_MASK
        self._signalled_used = self._next_used
        return wanted

    def _signalled(self) -> bool:
        new = self._next_used != self._signalled_used
        self._signalled_used = self._next_used
        return new

    # the driver's notifications (2.7.10)

    def disable_notifications(self) -> None:
        if not self._event_index:
            self._used[0] = USED_NO_NOTIFY

    def enable_notifications(self) -> bool:
        """Ask to be told of the next request; false when one is there already."""
        if self._event_index:
            self._used[2 + 4 * self._size] = self._next_available
        else:
            self._used[0] = 0
        self._barrier()
        return self._available[1] == self._next_available
