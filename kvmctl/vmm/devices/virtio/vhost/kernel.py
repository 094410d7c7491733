"""A device of vhost in the kernel (linux/vhost.h): virtqueues in guest memory that the host serves."""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Final

from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, DeviceFailed, Ring
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
_STATE: Final = struct.Struct("=II")
_FILE: Final = struct.Struct("=Ii")
_ADDRESS: Final = struct.Struct("=IIQQQQ")
_MEMORY_HEADER: Final = struct.Struct("=II")
_MEMORY_REGION: Final = struct.Struct("=QQQQ")
_U64: Final = struct.Struct("=Q")

RINGS: Final = F_INDIRECT_DESC | F_EVENT_IDX | F_VERSION_1
"""Features of the rings' format."""


class KernelVhost:
    """One open file of such a device. All calls raise DeviceFailed, which begins with `kind`."""

    def __init__(self, kind: str, descriptor: int, memory: GuestMemory) -> None:
        self._kind = kind
        self._descriptor = descriptor
        self._memory = memory
        self.call(_SET_OWNER, b"")
        (self.features,) = _U64.unpack(self.call(_GET_FEATURES, bytes(_U64.size)))

    def start(self, negotiated: int) -> None:
        """Before its queues."""
        regions = self._memory.regions
        table = _MEMORY_HEADER.pack(len(regions), 0) + b"".join(
            _MEMORY_REGION.pack(region.gpa, region.size, self._memory.host_address + region.offset, 0)
            for region in regions
        )
        self.call(_SET_FEATURES, _U64.pack(negotiated))
        self.call(_SET_MEM_TABLE, table)

    def set_ring(self, index: int, ring: Ring) -> None:
        """The ring is the device's queue `index`; nothing touches it before the device's own start."""
        layout = ring.layout
        table, available, used = map(self._host_address, (layout.descriptors, layout.available, layout.used))
        self.call(_SET_VRING_NUM, _STATE.pack(index, layout.size))
        self.call(_SET_VRING_BASE, _STATE.pack(index, ring.base))
        self.call(_SET_VRING_ADDR, _ADDRESS.pack(index, 0, table, used, available, 0))
        self.call(_SET_VRING_CALL, _FILE.pack(index, ring.call_fd))
        self.call(_SET_VRING_KICK, _FILE.pack(index, ring.kick_fd))

    def base(self, index: int) -> int:
        """Where to go on in a queue that has stopped."""
        _, base = _STATE.unpack(self.call(_GET_VRING_BASE, _STATE.pack(index, 0)))
        return int(base) & 0xFFFF

    def call(self, request: int, argument: bytes) -> bytes:
        try:
            return fcntl.ioctl(self._descriptor, request, argument)
        except OSError as error:
            raise DeviceFailed(f"{self._kind}: {error.strerror}") from error

    def _host_address(self, address: int) -> int:
        for region in self._memory.regions:
            if region.gpa <= address < region.gpa + region.size:
                return self._memory.host_address + region.offset + address - region.gpa
        raise DeviceFailed(f"a ring at {address:#x}, where no memory is")


def wake(ring: Ring) -> None:
    """What the driver asked for, and what was completed, while nobody listened."""
    os.eventfd_write(ring.kick_fd, 1)
    os.eventfd_write(ring.call_fd, 1)
