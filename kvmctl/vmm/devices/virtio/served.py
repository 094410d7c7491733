"""A virtqueue that a back end outside of this process serves: its interrupts are passed on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from kvmctl.vmm.devices.virtio.device import BackendDevice, Ring
from kvmctl.vmm.devices.virtio.queue import QueueLayout


class ServedQueue:
    """Runs from `start` to `stop`, like a QueueWorker; both raise DeviceFailed."""

    def __init__(
        self,
        device: BackendDevice,
        index: int,
        layout: QueueLayout,
        base: int,
        kick_fd: int,
        interrupt: Callable[[], None],
    ) -> None:
        self._device = device
        self._call_fd = os.eventfd(0, os.EFD_CLOEXEC)
        self._ring = Ring(index, layout, base, kick_fd, self._call_fd)
        self._interrupt = interrupt
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name=f"{device.name}/{index}", daemon=True)

    def start(self) -> None:
        self._thread.start()
        try:
            self._device.start_queue(self._ring)
        except BaseException:
            self._end()
            raise

    def stop(self) -> int:
        """Returns when the queue and its buffers are not touched any more; where to go on in it later."""
        try:
            return self._device.stop_queue(self._ring.index)
        finally:
            self._end()

    def _end(self) -> None:
        self._stopping = True
        os.eventfd_write(self._call_fd, 1)
        self._thread.join()
        os.close(self._call_fd)

    def _main(self) -> None:
        while not self._stopping:
            os.eventfd_read(self._call_fd)
            self._interrupt()
