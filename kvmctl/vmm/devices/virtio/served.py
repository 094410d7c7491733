"""A virtqueue that a back end outside of this process serves: its interrupts are passed on."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

from kvmctl.vmm.devices.virtio.device import BackendDevice, Ring
from kvmctl.vmm.devices.virtio.queue import QueueLayout
from kvmctl.vmm.jail.threads import Thread, narrow


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
        self.call_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._relaying = True
        self._ring = Ring(index, layout, base, kick_fd, self.call_fd)
        self._interrupt = interrupt
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name=f"{device.name}/{index}", daemon=True)

    def start(self) -> None:
        self._thread.start()
        try:
            self._device.start_queue(self._ring)
        except BaseException:
            self._end()
            self.close()
            raise

    def stop(self) -> int:
        """Returns when the queue and its buffers are not touched any more; where to go on in it later."""
        try:
            return self._device.stop_queue(self._ring.index)
        finally:
            self._end()

    def relay(self, wanted: bool) -> None:
        """Whether the back end's signals are to be passed on here: KVM takes them where it can."""
        self._relaying = wanted
        os.eventfd_write(self._wake_fd, 1)

    def _end(self) -> None:
        self._stopping = True
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join()

    def close(self) -> None:
        """After the end, when nothing refers to its descriptors any more."""
        os.close(self.call_fd)
        os.close(self._wake_fd)

    def _main(self) -> None:
        narrow(Thread.IO)
        waiting = select.poll()
        waiting.register(self._wake_fd, select.POLLIN)
        while not self._stopping:
            waiting.register(self.call_fd, select.POLLIN if self._relaying else 0)
            ready = dict(waiting.poll())
            if self._wake_fd in ready:
                os.eventfd_read(self._wake_fd)
            if ready.get(self.call_fd, 0) & select.POLLIN:
                self._pass_on()

    def _pass_on(self) -> None:
        with suppress(BlockingIOError):  # KVM was faster
            os.eventfd_read(self.call_fd)
            self._interrupt()
