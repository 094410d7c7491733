"""The thread that serves one virtqueue: it sleeps on the queue's notification."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from kvmctl.vmm.devices.virtio.device import QueueEngine, Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError, SplitQueue
from kvmctl.vmm.jail.threads import Thread, narrow
from kvmctl.vmm.threadname import name_thread

log = logging.getLogger(__name__)


class QueueWorker:
    """Runs from `start` to `stop`. `kick_fd` is the eventfd that the driver's notifications signal."""

    def __init__(
        self,
        name: str,
        queue: SplitQueue,
        kick_fd: int,
        process: Callable[[Chain], int],
        interrupt: Callable[[], None],
        broken: Callable[[str], None],
    ) -> None:
        self._name = name
        self._queue = queue
        self._kick_fd = kick_fd
        self._process = process
        self._interrupt = interrupt
        self._broken = broken
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        # The driver may have notified before the thread is there.
        os.eventfd_write(self._kick_fd, 1)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the queue and its buffers are not touched any more."""
        self._stopping = True
        os.eventfd_write(self._kick_fd, 1)
        self._thread.join()

    def _main(self) -> None:
        narrow(Thread.IO)
        name_thread(self._name)
        try:
            self._serve()
        except QueueError as error:
            self._broken(str(error))
        except Exception as error:
            log.exception("%s: the device failed", self._name)
            self._broken(f"device failure: {error}")

    def _serve(self) -> None:
        try:
            while not self._stopping:
                os.eventfd_read(self._kick_fd)
                self._drain()
        except Stopped:
            self._queue.put_back()

    def _drain(self) -> None:
        queue = self._queue
        while not self._stopping:
            queue.disable_notifications()
            while not self._stopping and (chain := queue.pop()) is not None:
                written = self._process(chain)
                queue.push(chain.head, written, chain.joined)
                if queue.wants_interrupt():
                    self._interrupt()
            if queue.enable_notifications():
                return


class EngineWorker(QueueWorker):
    """One whose plain requests are carried out by compiled code; `process` gets the others."""

    def __init__(
        self,
        engine: QueueEngine,
        name: str,
        queue: SplitQueue,
        kick_fd: int,
        process: Callable[[Chain], int],
        interrupt: Callable[[], None],
        broken: Callable[[str], None],
    ) -> None:
        super().__init__(name, queue, kick_fd, process, interrupt, broken)
        self.engine = engine

    def start(self) -> None:
        self.engine.begin(self._queue, self._kick_fd, self._interrupt)
        super().start()

    def stop(self) -> None:
        self.engine.stop()
        super().stop()

    def _serve(self) -> None:
        try:
            while (chain := self.engine.serve()) is not None:
                self._carry_out(chain)
        except Stopped:
            pass
        finally:
            self.engine.end()

    def _carry_out(self, chain: Chain) -> None:
        queue = self._queue
        try:
            written = self._process(chain)
        except Stopped:
            queue.keep(chain.head)
            raise
        queue.push(chain.head, written)
        if queue.wants_interrupt():
            self._interrupt()
