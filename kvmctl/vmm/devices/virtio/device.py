"""What a virtio device is to its transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from kvmctl.vmm.devices.virtio.queue import Chain, QueueLayout, SplitQueue

# Feature bits of every device (virtio 1.2, 6)
F_INDIRECT_DESC: Final = 1 << 28
F_EVENT_IDX: Final = 1 << 29
F_VERSION_1: Final = 1 << 32


class Stopped(Exception):
    """A request was given up because its device stops; it stays in its queue."""


class VirtioDevice(Protocol):
    """A kind of device: its identity, its configuration, and what it does with a request."""

    name: str
    """For logs: the alias of the domain's device."""
    device_id: int
    class_code: int
    """As a PCI function."""
    features: int
    """Its own feature bits."""
    queue_sizes: Sequence[int]

    def configuration(self) -> bytes:
        """The device configuration space as it is now."""

    def start(self, features: int) -> None:
        """The driver is ready (DRIVER_OK) and has accepted these features, or the machine goes on."""

    def stop(self) -> None:
        """The queues are about to stop, for a reset or a pause: a `process` that waits raises Stopped."""

    def process(self, queue: int, chain: Chain) -> int:
        """Carry out a request, on the queue's thread; how many bytes of its writable buffers are filled.

        Raises QueueError when the request has not even the form of one.
        """


@runtime_checkable
class Resettable(Protocol):
    """A device with a state that outlasts a pause, and that a reset by the driver ends."""

    def reset(self) -> None:
        """After its queues have stopped."""


@runtime_checkable
class Configurable(Protocol):
    """A device with fields in its configuration space that the driver writes."""

    def configure(self, offset: int, data: bytes) -> None:
        """The driver writes there; any offset, also where nothing is."""


class QueueEngine(Protocol):
    """Compiled code that serves one queue, on the queue's thread."""

    call_fd: int
    """The eventfd by which the driver is told of used buffers."""

    def relay(self, wanted: bool) -> None:
        """Whether `interrupt` is to be called instead, since nobody takes the eventfd's signals."""

    def begin(self, queue: SplitQueue, kick_fd: int, interrupt: Callable[[], None]) -> None: ...
    def serve(self) -> Chain | None:
        """The next request for `process`; None after `stop`. Raises QueueError and OSError."""

    def stop(self) -> None:
        """Any thread may say so; a notification of the queue follows."""

    def end(self) -> None:
        """Returns when no request is under way; those that are not done stay in their queue."""


@runtime_checkable
class EngineDevice(Protocol):
    """A device with compiled code for some of its queues."""

    def engine(self, queue: int) -> QueueEngine | None: ...


class DeviceFailed(Exception):
    """What serves the device on the host's side cannot go on; the device needs a reset."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A virtqueue, as another process or the kernel is told to serve it."""

    index: int
    layout: QueueLayout
    base: int
    """Where to go on in the available ring; 0 for one that is new."""
    kick_fd: int
    """The eventfd by which the driver notifies."""
    call_fd: int
    """The eventfd by which the driver is told of used buffers."""


@runtime_checkable
class BackendDevice(Protocol):
    """A device whose queues are served outside of this process. Its calls raise DeviceFailed."""

    name: str
    device_id: int
    class_code: int
    features: int
    """Those of the ring's format, too: they are the back end's."""
    queue_sizes: Sequence[int]

    def configuration(self) -> bytes: ...

    def start(self, features: int) -> None:
        """The driver is ready and has accepted these features; the queues follow."""

    def start_queue(self, ring: Ring) -> None: ...

    def stop(self) -> None:
        """The queues are about to stop, for a reset or a pause."""

    def stop_queue(self, index: int) -> int:
        """Returns when the back end touches neither ring nor buffers; where to go on later."""


AnyDevice = VirtioDevice | BackendDevice
