"""What a virtio device is to its transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from kvmctl.vmm.devices.virtio.queue import Chain

# Feature bits of every device (virtio 1.2, 6)
F_INDIRECT_DESC: Final = 1 << 28
F_EVENT_IDX: Final = 1 << 29
F_VERSION_1: Final = 1 << 32


class Stopped(Exception):
    """A request was given up because its device stops; it is not given back."""


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
        """The driver is ready (DRIVER_OK) and has accepted these features."""

    def stop(self) -> None:
        """The device is being reset: a `process` that waits raises Stopped; it runs on any thread."""

    def process(self, queue: int, chain: Chain) -> int:
        """Carry out a request, on the queue's thread; how many bytes of its writable buffers are filled.

        Raises QueueError when the request has not even the form of one.
        """


@runtime_checkable
class Configurable(Protocol):
    """A device with fields in its configuration space that the driver writes."""

    def configure(self, offset: int, data: bytes) -> None:
        """The driver writes there; any offset, also where nothing is."""
