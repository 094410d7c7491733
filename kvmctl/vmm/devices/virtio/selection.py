"""The registers by which a driver says what it means; both transports have them (4.1.4.3 and 4.2.2)."""

from __future__ import annotations

from typing import Final, Literal

from kvmctl.vmm.devices.virtio.core import QueueSetup, VirtioCore

_LOW: Final = 0xFFFF_FFFF

QueuePart = Literal["descriptors", "available", "used"]


class Selection:
    """A half of the feature bits, for each side, and a queue."""

    def __init__(self, core: VirtioCore) -> None:
        self._core = core
        self.reset()

    def reset(self) -> None:
        self.device_half = self.driver_half = self.queue_index = 0

    def select_device_half(self, value: int) -> None:
        self.device_half = value

    def select_driver_half(self, value: int) -> None:
        self.driver_half = value

    def select_queue(self, value: int) -> None:
        self.queue_index = value

    def device_features(self) -> int:
        return _half(self._core.features, self.device_half)

    def driver_features(self) -> int:
        return _half(self._core.driver_features, self.driver_half)

    def set_driver_features(self, value: int) -> None:
        if self.driver_half < 2:
            shift = 32 * self.driver_half
            kept = self._core.driver_features & ~(_LOW << shift)
            self._core.set_driver_features(kept | value << shift)

    @property
    def queue(self) -> QueueSetup | None:
        queues = self._core.queues
        return queues[self.queue_index] if self.queue_index < len(queues) else None

    @property
    def configurable(self) -> QueueSetup | None:
        """The selected queue, until the driver has enabled it."""
        queue = self.queue
        return queue if queue is not None and not queue.enabled else None

    def set_queue_size(self, value: int) -> None:
        queue = self.configurable
        if queue is not None:
            queue.size = value

    def set_address(self, part: QueuePart, value: int) -> None:
        queue = self.configurable
        if queue is not None:
            setattr(queue, part, value)

    def set_address_half(self, part: QueuePart, half: int, value: int) -> None:
        """Half 0 is the low one."""
        queue = self.configurable
        if queue is not None:
            shift = 32 * half
            setattr(queue, part, getattr(queue, part) & ~(_LOW << shift) | value << shift)

    def enable_queue(self) -> None:
        if self.configurable is not None:
            self._core.enable_queue(self.queue_index)


def _half(features: int, select: int) -> int:
    return features >> 32 * select & _LOW if select < 2 else 0
