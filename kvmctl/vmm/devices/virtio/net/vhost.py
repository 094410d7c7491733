"""The kernel's vhost-net: queue pairs served between a TAP device and guest memory (linux/vhost.h)."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.virtio.device import Ring
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS, KernelVhost, wake
from kvmctl.vmm.memory import GuestMemory

_NET_SET_BACKEND: Final = 0x4008_AF30
_FILE: Final = struct.Struct("=Ii")
_NO_BACKEND: Final = -1


class VhostNet:
    """A descriptor of /dev/vhost-net and one of the TAP device a queue pair. All calls raise DeviceFailed."""

    def __init__(
        self, descriptors: Sequence[int], taps: Sequence[int], memory: GuestMemory, *, link_up: bool = True
    ) -> None:
        self._link_up = link_up
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._taps = taps
        self._pairs = [KernelVhost("vhost-net", descriptor, memory) for descriptor in descriptors]
        self.features = RINGS | features.MRG_RXBUF
        for pair in self._pairs:
            self.features &= pair.features

    def start(self, negotiated: int) -> None:
        for pair in self._pairs:
            pair.start(negotiated)

    def start_queue(self, ring: Ring) -> None:
        self._pairs[ring.index // 2].set_ring(ring.index % 2, ring)
        with self._lock:
            self._running.add(ring.index)
            self._connect(ring.index, self._link_up)
        wake(ring)

    def stop_queue(self, index: int) -> int:
        with self._lock:
            self._running.discard(index)
            self._connect(index, False)
        return self._pairs[index // 2].base(index % 2)

    def set_link(self, up: bool) -> None:
        """Whether frames pass; any thread may say so."""
        with self._lock:
            self._link_up = up
            for index in self._running:
                self._connect(index, up)

    def _connect(self, index: int, connected: bool) -> None:
        tap = self._taps[index // 2] if connected else _NO_BACKEND
        self._pairs[index // 2].call(_NET_SET_BACKEND, _FILE.pack(index % 2, tap))
