"""The socket device (virtio 1.2, 5.10) of the kernel's vhost-vsock: the host's side is AF_VSOCK itself."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio.device import Ring
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS, KernelVhost, wake
from kvmctl.vmm.devices.virtio.vsock import DEVICE_ID, EVENT, QUEUE_SIZE, Vsock
from kvmctl.vmm.memory import GuestMemory

_VSOCK_SET_RUNNING: Final = 0x4004_AF61
_RUNNING: Final = struct.Struct("=i")


class KernelVsock:
    """A BackendDevice. Its context identifier was set by whoever opened /dev/vhost-vsock."""

    device_id = DEVICE_ID
    class_code = Vsock.class_code

    def __init__(self, name: str, cid: int, descriptor: int, memory: GuestMemory) -> None:
        """Raises DeviceFailed."""
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,) * 3
        self._cid = cid
        self._vhost = KernelVhost("vhost-vsock", descriptor, memory)
        self.features = self._vhost.features & RINGS
        self._rings: dict[int, Ring] = {}

    def configuration(self) -> bytes:
        return struct.pack("<Q", self._cid)

    def start(self, features: int) -> None:
        self._vhost.start(features)

    def start_queue(self, ring: Ring) -> None:
        """The kernel starts when both of its queues are known; events are not its own, and never happen."""
        self._rings[ring.index] = ring
        if ring.index == EVENT:
            return
        self._vhost.set_ring(ring.index, ring)
        if self._both():
            self._run(True)
            for index in range(EVENT):
                wake(self._rings[index])

    def stop(self) -> None:
        """Its queues have stopped, which is all there is to do."""

    def stop_queue(self, index: int) -> int:
        running = self._both()
        ring = self._rings.pop(index)
        if index == EVENT:
            return ring.base
        if running:
            self._run(False)
        return self._vhost.base(index)

    def _both(self) -> bool:
        return all(index in self._rings for index in range(EVENT))

    def _run(self, running: bool) -> None:
        self._vhost.call(_VSOCK_SET_RUNNING, _RUNNING.pack(running))


def attach(platform: Platform) -> list[Device]:
    """Where the host's kernel serves the domain's vsock."""
    vsock = platform.domain.devices.vsock
    if vsock is None or vsock.cid is None:
        return []
    name = vsock.alias or "vsock0"
    descriptor = platform.opened(f"{name}.vhost")
    if descriptor is None:
        return []
    return [plug(KernelVsock(name, vsock.cid, descriptor, platform.memory), platform, vsock.address)]
