"""The kernel's vhost-net: queue pairs served between a TAP device and guest memory (linux/vhost.h)."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.memory import GuestMemory

_GET_FEATURES: Final = 0x8008_AF00
_SET_FEATURES: Final = 0x4008_AF00
_SET_OWNER: Final = 0xAF01
_SET_MEM_TABLE: Final = 0x4008_AF03
_SET_VRING_NUM: Final = 0x4008_AF10
_SET_VRING_ADDR: Final = 0x4028_AF11
_SET_VRING_BASE: Final = 0x4008_AF12
_GET_VRING_BASE: Final = 0xC008_AF12
_SET_VRING_KICK: Final = 0x4008_AF20
_SET_VRING_CALL: Final = 0x4008_AF21
_NET_SET_BACKEND: Final = 0x4008_AF30
_STATE: Final = struct.Struct("=II")
_FILE: Final = struct.Struct("=Ii")
_ADDRESS: Final = struct.Struct("=IIQQQQ")
_MEMORY_HEADER: Final = struct.Struct("=II")
_MEMORY_REGION: Final = struct.Struct("=QQQQ")
_U64: Final = struct.Struct("=Q")
_NO_BACKEND: Final = -1

RINGS: Final = F_INDIRECT_DESC | F_EVENT_IDX | F_VERSION_1
"""Features of the rings' format."""


class VhostNet:
    """A descriptor of /dev/vhost-net and one of the TAP device a queue pair. All calls raise DeviceFailed."""

    def __init__(
        self, descriptors: Sequence[int], taps: Sequence[int], memory: GuestMemory, *, link_up: bool = True
    ) -> None:
        self._descriptors = descriptors
        self._link_up = link_up
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._taps = taps
        self._memory = memory
        self.features = RINGS | features.MRG_RXBUF
        for descriptor in descriptors:
            self._call(descriptor, _SET_OWNER, b"")
            (known,) = _U64.unpack(self._call(descriptor, _GET_FEATURES, bytes(_U64.size)))
            self.features &= known

    def start(self, negotiated: int) -> None:
        regions = self._memory.regions
        table = _MEMORY_HEADER.pack(len(regions), 0) + b"".join(
            _MEMORY_REGION.pack(region.gpa, region.size, self._memory.host_address + region.offset, 0)
            for region in regions
        )
        for descriptor in self._descriptors:
            self._call(descriptor, _SET_FEATURES, _U64.pack(negotiated))
            self._call(descriptor, _SET_MEM_TABLE, table)

    def start_queue(self, ring: Ring) -> None:
        descriptor, index = self._place(ring.index)
        layout = ring.layout
        table, available, used = map(self._host_address, (layout.descriptors, layout.available, layout.used))
        self._call(descriptor, _SET_VRING_NUM, _STATE.pack(index, layout.size))
        self._call(descriptor, _SET_VRING_BASE, _STATE.pack(index, ring.base))
        self._call(descriptor, _SET_VRING_ADDR, _ADDRESS.pack(index, 0, table, used, available, 0))
        self._call(descriptor, _SET_VRING_CALL, _FILE.pack(index, ring.call_fd))
        self._call(descriptor, _SET_VRING_KICK, _FILE.pack(index, ring.kick_fd))
        with self._lock:
            self._running.add(ring.index)
            self._connect(ring.index, self._link_up)
        # What the driver asked for, and what was completed, while nobody listened.
        os.eventfd_write(ring.kick_fd, 1)
        os.eventfd_write(ring.call_fd, 1)

    def stop_queue(self, index: int) -> int:
        descriptor, place = self._place(index)
        with self._lock:
            self._running.discard(index)
            self._connect(index, False)
        _, base = _STATE.unpack(self._call(descriptor, _GET_VRING_BASE, _STATE.pack(place, 0)))
        return int(base) & 0xFFFF

    def set_link(self, up: bool) -> None:
        """Whether frames pass; any thread may say so."""
        with self._lock:
            self._link_up = up
            for index in self._running:
                self._connect(index, up)

    def _connect(self, index: int, connected: bool) -> None:
        descriptor, place = self._place(index)
        tap = self._taps[index // 2] if connected else _NO_BACKEND
        self._call(descriptor, _NET_SET_BACKEND, _FILE.pack(place, tap))

    def _place(self, index: int) -> tuple[int, int]:
        return self._descriptors[index // 2], index % 2

    def _host_address(self, address: int) -> int:
        for region in self._memory.regions:
            if region.gpa <= address < region.gpa + region.size:
                return self._memory.host_address + region.offset + address - region.gpa
        raise DeviceFailed(f"a ring at {address:#x}, where no memory is")

    @staticmethod
    def _call(descriptor: int, request: int, argument: bytes) -> bytes:
        try:
            return fcntl.ioctl(descriptor, request, argument)
        except OSError as error:
            raise DeviceFailed(f"vhost-net: {error.strerror}") from error
