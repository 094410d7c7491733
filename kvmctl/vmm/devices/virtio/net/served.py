"""A network device whose frames the kernel or a vhost-user server carries; control stays here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from kvmctl.vmm.devices.virtio.device import DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.net.device import Network
from kvmctl.vmm.devices.virtio.net.vhost import VhostNet
from kvmctl.vmm.devices.virtio.queue import QueueError, SplitQueue
from kvmctl.vmm.devices.virtio.vhost.device import VhostUserDevice
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS
from kvmctl.vmm.devices.virtio.vhost.user import Connection
from kvmctl.vmm.devices.virtio.worker import QueueWorker
from kvmctl.vmm.memory import GuestMemory

_KEPT: Final = 0
"""Where to go on in the control queue is known here, until the device is reset."""


class Carrier(Protocol):
    """Who serves the queues of the pairs. Its calls raise DeviceFailed."""

    features: int
    """What it takes part in, the rings' format and the device's."""

    def start(self, negotiated: int) -> None: ...
    def start_queue(self, ring: Ring) -> None: ...
    def stop_queue(self, index: int) -> int: ...


class ServedNetwork:
    """A BackendDevice around a Network, which has the features, the configuration and the control queue."""

    def __init__(self, network: Network, carrier: Carrier, memory: GuestMemory, own: int) -> None:
        """`own`: the features that do not depend on the carrier."""
        self.name = network.name
        self.device_id = network.device_id
        self.class_code = network.class_code
        self.queue_sizes: Sequence[int] = network.queue_sizes
        possible = network.features & (own | carrier.features)
        self.features = features.consistent(possible) | (carrier.features & RINGS)
        self.network = network
        self._failed: Callable[[str], None] | None = None
        self._carrier = carrier
        self._memory = memory
        self._control: SplitQueue | None = None
        self._worker: QueueWorker | None = None

    def watch(self, failed: Callable[[str], None]) -> None:
        """Whom to tell that the device needs a reset; any thread may."""
        self._failed = failed
        if isinstance(self._carrier, VhostUserDevice):
            self._carrier.watch(lambda: None, failed)

    def configuration(self) -> bytes:
        return self.network.configuration()

    def set_link(self, up: bool) -> None:
        """A vhost-user server is not told: it is the driver that then leaves its frames."""
        self.network.set_link(up)
        if isinstance(self._carrier, VhostNet):
            self._carrier.set_link(up)

    def start(self, features_: int) -> None:
        self.network.start(features_)
        self._carrier.start(features_ & self._carrier.features)

    def stop(self) -> None:
        self.network.stop()

    def reset(self) -> None:
        self._control = None
        self.network.reset()

    def start_queue(self, ring: Ring) -> None:
        control = self.network.control_queue
        if ring.index == control:
            self._start_control(ring)
        elif ring.index < control:
            self._carrier.start_queue(ring)
        else:
            raise DeviceFailed("it is used without VIRTIO_NET_F_MQ")

    def stop_queue(self, index: int) -> int:
        if index != self.network.control_queue:
            return self._carrier.stop_queue(index)
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        return _KEPT

    def _start_control(self, ring: Ring) -> None:
        try:
            queue = self._control = self._control or SplitQueue(self._memory, ring.layout)
        except QueueError as error:
            raise DeviceFailed(str(error)) from error
        self._worker = QueueWorker(
            f"{self.name}/{ring.index}",
            queue,
            ring.kick_fd,
            lambda chain: self.network.process(ring.index, chain),
            lambda: os.eventfd_write(ring.call_fd, 1),
            self._fail,
        )
        self._worker.start()

    def _fail(self, problem: str) -> None:
        if self._failed is not None:
            self._failed(f"control queue: {problem}")


def kernel_served(
    network: Network, descriptors: Sequence[int], taps: Sequence[int], memory: GuestMemory
) -> ServedNetwork:
    """By vhost-net; offloads are the TAP device's. Raises DeviceFailed."""
    carrier = VhostNet(descriptors, taps, memory, link_up=network.link_up)
    return ServedNetwork(network, carrier, memory, ~features.MRG_RXBUF)


def user_served(network: Network, descriptor: int, memory: GuestMemory) -> ServedNetwork:
    """By a vhost-user server, such as a switch; it counts queue pairs. Raises DeviceFailed."""
    carrier = VhostUserDevice(
        network.name,
        network.device_id,
        network.class_code,
        Connection(descriptor),
        memory,
        queue_sizes=lambda _configuration: network.queue_sizes[:1],
    )
    carried = features.SEND | features.RECEIVE | features.MRG_RXBUF
    return ServedNetwork(network, carrier, memory, ~carried)
