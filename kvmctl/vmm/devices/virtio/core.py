"""The part of a virtio device that all transports share: status, features, queues (virtio 1.2, 2 and 3)."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, runtime_checkable

from kvmctl.vmm.bus.msix import Wire
from kvmctl.vmm.devices.virtio.device import (
    F_EVENT_IDX,
    F_INDIRECT_DESC,
    F_VERSION_1,
    AnyDevice,
    BackendDevice,
    Configurable,
    DeviceFailed,
    EngineDevice,
    Resettable,
)
from kvmctl.vmm.devices.virtio.queue import MAX_SIZE, QueueError, QueueLayout, SplitQueue
from kvmctl.vmm.devices.virtio.served import ServedQueue
from kvmctl.vmm.devices.virtio.worker import EngineWorker, QueueWorker
from kvmctl.vmm.memory import GuestMemory

STATUS_DRIVER_OK: Final = 4
STATUS_FEATURES_OK: Final = 8
STATUS_NEEDS_RESET: Final = 64
_STATUS_DRIVER_BITS: Final = 0x80 | 0x0F  # FAILED, and ACKNOWLEDGE to FEATURES_OK

log = logging.getLogger(__name__)


class Interrupts(Protocol):
    """How the transport tells the driver something; called by any thread."""

    def queue_used(self, queue: int) -> None: ...
    def configuration_changed(self) -> None: ...


@runtime_checkable
class WiredInterrupts(Protocol):
    """A transport that can have KVM take a back end's signals, without a thread of ours between."""

    def wire(self, queue: int, wire: Wire) -> None: ...
    def unwire(self, queue: int) -> None: ...


@dataclass(slots=True)
class QueueSetup:
    """A queue as the driver describes it, piece by piece."""

    max_size: int
    kick_fd: int
    size: int = 0
    enabled: bool = False
    descriptors: int = 0
    available: int = 0
    used: int = 0
    queue: SplitQueue | None = field(default=None, repr=False)
    """While the driver uses it; it outlives a worker that a bus without access to memory has stopped."""
    base: int = 0
    """Where a back end is to go on in the available ring."""
    worker: QueueWorker | ServedQueue | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.size = self.max_size

    def reset(self) -> None:
        self.size = self.max_size
        self.enabled = False
        self.queue = None
        self.base = 0
        self.descriptors = self.available = self.used = 0


class VirtioCore:
    """The state machine. Its setters run under the devices' lock; `fail` on any thread."""

    def __init__(
        self,
        device: AnyDevice,
        memory: GuestMemory,
        interrupts: Interrupts,
        *,
        bus_master: bool,
    ) -> None:
        """`bus_master`: whether the bus lets the device at memory from the start."""
        self.device = device
        self.features = device.features | F_VERSION_1
        if not isinstance(device, BackendDevice):
            self.features |= F_INDIRECT_DESC | F_EVENT_IDX
        self.driver_features = 0
        self.generation = 0
        self._memory = memory
        self._interrupts = interrupts
        self._status = 0
        self._needs_reset = False
        self._complained = False
        self._bus_master = bus_master
        self._paused = False
        self._lock = threading.Lock()
        self.queues = [QueueSetup(size, os.eventfd(0, os.EFD_CLOEXEC)) for size in device.queue_sizes]

    @property
    def status(self) -> int:
        return self._status | (STATUS_NEEDS_RESET if self._needs_reset else 0)

    def set_status(self, value: int) -> None:
        if value == 0:
            self.stop()
            return
        new = value & _STATUS_DRIVER_BITS & ~self._status
        if new & STATUS_FEATURES_OK and not self._features_acceptable():
            new &= ~STATUS_FEATURES_OK
        self._status |= new & ~STATUS_DRIVER_OK
        if new & STATUS_DRIVER_OK and self._status & STATUS_FEATURES_OK:
            self._status |= STATUS_DRIVER_OK
            self._run()

    def set_bus_master(self, allowed: bool) -> None:
        """While the bus does not let it at memory, the device serves no queue; it carries on later."""
        if allowed == self._bus_master:
            return
        self._bus_master = allowed
        if not self._status & STATUS_DRIVER_OK:
            return
        if allowed:
            self._run()
        else:
            self._halt()

    def pause(self) -> None:
        """The machine stands still: returns when no thread touches guest memory, and no request ends."""
        if not self._paused:
            self._paused = True
            self._halt()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._status & STATUS_DRIVER_OK:
                self._run()

    def _run(self) -> None:
        if not self._bus_master or self._paused:
            return
        try:
            self.device.start(self.driver_features)
        except DeviceFailed as error:
            self.fail(str(error))
        for index in range(len(self.queues)):
            self._start_queue(index)

    def _halt(self) -> None:
        """Returns when no thread touches guest memory."""
        if any(setup.worker is not None for setup in self.queues):
            self.device.stop()
        for index, setup in enumerate(self.queues):
            worker, setup.worker = setup.worker, None
            try:
                if isinstance(worker, ServedQueue):
                    setup.base = self._stop_served(index, worker)
                elif worker is not None:
                    worker.stop()
                    self._unwire(index, worker)
            except DeviceFailed as error:
                self.fail(str(error))

    def _features_acceptable(self) -> bool:
        """No legacy drivers: VERSION_1 is required (6.1)."""
        return not self.driver_features & ~self.features and bool(self.driver_features & F_VERSION_1)

    def set_driver_features(self, features: int) -> None:
        if not self._status & STATUS_FEATURES_OK:
            self.driver_features = features

    def enable_queue(self, index: int) -> None:
        self.queues[index].enabled = True
        if self._status & STATUS_DRIVER_OK:
            self._start_queue(index)

    def disable_queue(self, index: int) -> None:
        """The driver takes the queue back; returns when no thread touches it."""
        running = self.queues[index].worker is not None
        if running:
            self._halt()
        self.queues[index].reset()
        if running:
            self._run()

    def kick(self, index: int) -> None:
        """A notification that reached us as a register access."""
        if index < len(self.queues):
            os.eventfd_write(self.queues[index].kick_fd, 1)

    def read_configuration(self, offset: int, size: int) -> int:
        return int.from_bytes(self.device.configuration()[offset : offset + size], "little")

    def write_configuration(self, offset: int, size: int, value: int) -> None:
        """Ignored by the devices that have nothing there for the driver to write."""
        if isinstance(self.device, Configurable):
            self.device.configure(offset, value.to_bytes(size, "little"))

    def configuration_changed(self) -> None:
        """The device has changed its configuration space; any thread may say so."""
        with self._lock:
            self.generation = (self.generation + 1) & 0xFFFF_FFFF
        if self._status & STATUS_DRIVER_OK:
            self._interrupts.configuration_changed()

    def _start_queue(self, index: int) -> None:
        setup = self.queues[index]
        if not setup.enabled or setup.worker is not None or self._needs_reset:
            return
        if not self._bus_master or self._paused:
            return
        if setup.queue is None:
            setup.queue = self._create_queue(index)
        queue = setup.queue
        if queue is None:
            return
        worker = self._worker(index, queue, setup)
        try:
            worker.start()
        except DeviceFailed as error:
            self.fail(f"queue {index}: {error}")
        else:
            setup.worker = worker
            self._wire(index, worker)

    def _wire(self, index: int, worker: QueueWorker | ServedQueue) -> None:
        """KVM takes the signals of what has an eventfd for them."""
        if isinstance(self._interrupts, WiredInterrupts):
            if isinstance(worker, ServedQueue):
                self._interrupts.wire(index, Wire(worker.call_fd, worker.relay))
            elif isinstance(worker, EngineWorker):
                self._interrupts.wire(index, Wire(worker.engine.call_fd, worker.engine.relay))

    def _unwire(self, index: int, worker: QueueWorker | ServedQueue) -> None:
        if isinstance(self._interrupts, WiredInterrupts) and isinstance(worker, ServedQueue | EngineWorker):
            self._interrupts.unwire(index)

    def _stop_served(self, index: int, worker: ServedQueue) -> int:
        try:
            return worker.stop()
        finally:
            self._unwire(index, worker)
            worker.close()

    def _worker(self, index: int, queue: SplitQueue, setup: QueueSetup) -> QueueWorker | ServedQueue:
        device = self.device

        def interrupt() -> None:
            self._interrupts.queue_used(index)

        if isinstance(device, BackendDevice):
            return ServedQueue(device, index, queue.layout, setup.base, setup.kick_fd, interrupt)
        engine = device.engine(index) if isinstance(device, EngineDevice) else None
        kind = QueueWorker if engine is None else partial(EngineWorker, engine)
        return kind(
            f"{device.name}/{index}",
            queue,
            setup.kick_fd,
            lambda chain: device.process(index, chain),
            interrupt,
            lambda problem: self.fail(f"queue {index}: {problem}"),
        )

    def _create_queue(self, index: int) -> SplitQueue | None:
        """None for one that cannot be, which the driver hears of."""
        setup = self.queues[index]
        layout = QueueLayout(
            size=setup.size,
            descriptors=setup.descriptors,
            available=setup.available,
            used=setup.used,
            event_index=bool(self.driver_features & F_EVENT_IDX),
            indirect=bool(self.driver_features & F_INDIRECT_DESC),
        )
        try:
            if setup.size > min(setup.max_size, MAX_SIZE):
                raise QueueError(f"a queue size of {setup.size}, where {setup.max_size} is the most")
            return SplitQueue(self._memory, layout)
        except QueueError as error:
            self.fail(f"queue {index}: {error}")
            return None

    def fail(self, problem: str) -> None:
        """DEVICE_NEEDS_RESET (2.1.2); a guest that does it again and again fills no log."""
        with self._lock:
            first, self._needs_reset = not self._needs_reset, True
            tell, self._complained = not self._complained, True
        if tell:
            log.warning("%s: the device needs a reset: %s", self.device.name, problem)
        if first:
            self.configuration_changed()

    def stop(self) -> None:
        """Back to the state after reset; returns when no thread touches guest memory."""
        self._halt()
        if isinstance(self.device, Resettable):
            self.device.reset()
        for setup in self.queues:
            setup.reset()
        self._status = 0
        self.driver_features = 0
        self._needs_reset = False

    def reset(self) -> None:
        """The machine's reset."""
        self.stop()
        self._complained = False
