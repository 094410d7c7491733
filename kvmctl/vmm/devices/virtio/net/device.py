"""The network device (virtio 1.2, 5.1): queue pairs with a link each, and a control queue."""

from __future__ import annotations

import logging
import os
import select
import struct
from collections.abc import Callable, Sequence
from typing import Final

from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.net import control, features, header
from kvmctl.vmm.devices.virtio.net.filter import HEAD, Filter
from kvmctl.vmm.devices.virtio.net.header import BadHeader
from kvmctl.vmm.devices.virtio.net.link import Link
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError

DEVICE_ID: Final = 1
QUEUE_SIZE: Final = 256
CONTROL_QUEUE_SIZE: Final = 64
LINK_UP: Final = 1
_CLASS_ETHERNET: Final = 0x02_00_00
_LARGEST: Final = header.SIZE + header.LARGEST_PLAIN_FRAME
_CONFIGURATION: Final = struct.Struct("<6sHHH")

log = logging.getLogger(__name__)


class Network:
    """Queues 2n receive and 2n+1 send, through link n; the last one is for control."""

    device_id = DEVICE_ID
    class_code = _CLASS_ETHERNET

    def __init__(
        self,
        name: str,
        links: Sequence[Link],
        mac: bytes,
        *,
        withheld: int = 0,
        mtu: int | None = None,
        link_up: bool = True,
        queue_sizes: tuple[int, int] = (QUEUE_SIZE, QUEUE_SIZE),
    ) -> None:
        """`withheld`: features that the domain does not want to be offered."""
        self.name = name
        offered = features.ALWAYS | links[0].features
        offered |= features.MQ if len(links) > 1 else 0
        offered |= features.MTU if mtu is not None else 0
        self.features = features.consistent(offered & ~withheld)
        self.queue_sizes: Sequence[int] = (*(queue_sizes * len(links)), CONTROL_QUEUE_SIZE)
        self.negotiated = 0
        self.filter = Filter(mac)
        self.tell_driver: Callable[[], None] | None = None
        """The configuration changed: the transport's interrupt."""
        self._links = links
        self._mac = mac
        self._mtu = mtu or 0
        self.link_up = link_up
        self._pairs = 1
        self._begun = False
        """Whether what the driver has set is in force; it stays so over a pause of the machine."""
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._changed = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in links]
        self._spill = [memoryview(bytearray(_LARGEST)) for _ in links]
        """Where the end of a frame goes that is larger than the first of the buffers it is merged from."""
        self._complaints: set[str] = set()

    def configuration(self) -> bytes:
        status = LINK_UP if self.link_up else 0
        return _CONFIGURATION.pack(self.filter.mac, status, len(self._links), self._mtu)

    # the device's life

    def start(self, features_: int) -> None:
        _clear(self._stop)
        if self._begun:
            return
        self._begun = True
        self.negotiated = features.consistent(features_ & self.features)
        self.filter.vlans_named = bool(self.negotiated & features.CTRL_VLAN)
        self._set_offloads(self.negotiated & features.RECEIVE)
        self.use_pairs(1)

    def stop(self) -> None:
        os.eventfd_write(self._stop, 1)

    def reset(self) -> None:
        self._begun = False
        self.negotiated = 0
        self.filter = Filter(self._mac)

    def set_link(self, up: bool) -> None:
        """Plug the cable in or pull it (VIRTIO_NET_S_LINK_UP); frames are lost while it is out."""
        if up != self.link_up:
            self.link_up = up
            if self.tell_driver is not None:
                self.tell_driver()

    def use_pairs(self, pairs: int) -> bool:
        if not 1 <= pairs <= len(self._links):
            return False
        self._pairs = pairs
        for index, link in enumerate(self._links):
            try:
                link.set_active(index < pairs)
            except OSError as error:
                self._complain("queue pairs cannot be switched", str(error))
                return False
            os.eventfd_write(self._changed[index], 1)
        return True

    def use_receive_offloads(self, offloads: int) -> bool:
        if offloads & ~(self.negotiated & features.RECEIVE):
            return False
        return self._set_offloads(features.consistent(offloads))

    def _set_offloads(self, offloads: int) -> bool:
        try:
            self._links[0].set_offloads(offloads)
        except OSError as error:
            self._complain("offloads cannot be set", str(error))
            return False
        return True

    # requests

    def process(self, queue: int, chain: Chain) -> int:
        if queue == self.control_queue:
            return control.carry_out(self, chain)
        pair, sending = divmod(queue, 2)
        if pair >= len(self._links):
            raise QueueError(f"queue {queue} is used without VIRTIO_NET_F_MQ")
        return self._send(pair, chain) if sending else self._receive(pair, chain)

    @property
    def control_queue(self) -> int:
        """The third one for a driver that knows nothing of more pairs (5.1.2)."""
        return 2 * (len(self._links) if self.negotiated & features.MQ else 1)

    def _receive(self, pair: int, chain: Chain) -> int:
        """Wait for a frame: a buffer is as good as given back when there is something in it."""
        merging = bool(self.negotiated & features.MRG_RXBUF)
        available = buffers.total(chain.writable)
        if available < header.SIZE + (0 if merging else header.SMALLEST_FRAME):
            raise QueueError(f"a buffer of {available} bytes for frames")
        room = [*chain.writable, self._spill[pair]] if merging else chain.writable
        link = self._links[pair]
        while True:
            if pair >= self._pairs:
                self._wait(pair, None)
                continue
            try:
                size = link.receive(room)
            except BlockingIOError:
                self._wait(pair, link.fd)
                continue
            except OSError as error:
                if pair < self._pairs:
                    self._complain("frames are not received", str(error))
                    self._wait(pair, None)
                continue
            if not self.link_up or not self._wanted(room):
                continue
            if size > available and not self._spread(chain, self._spill[pair][: size - available]):
                continue  # a driver with too few buffers loses frames
            self._finish_header(room, 1 + len(chain.joined))
            return min(size, available)

    def _wait(self, pair: int, fd: int | None) -> None:
        """Until there may be a frame, or the pairs in use change. Raises Stopped."""
        waiting = select.poll()
        waiting.register(self._stop, select.POLLIN)
        waiting.register(self._changed[pair], select.POLLIN)
        if fd is not None:
            waiting.register(fd, select.POLLIN)
        ready = dict(waiting.poll())
        if self._stop in ready:
            raise Stopped
        if self._changed[pair] in ready:
            _clear(self._changed[pair])

    def _wanted(self, room: Sequence[memoryview]) -> bool:
        if self.filter.passes_all:
            return True
        head, _ = buffers.split(room, header.SIZE + HEAD)
        return self.filter.passes(b"".join(head)[header.SIZE :])

    def _spread(self, chain: Chain, rest: memoryview) -> bool:
        """Put what did not fit into the buffers that follow; false when there are too few of them."""
        joined: list[tuple[int, int]] = []
        while rest and chain.queue is not None and (more := chain.queue.pop()) is not None:
            done = buffers.scatter(more.writable, rest)
            joined.append((more.head, done))
            rest = rest[done:]
        if rest:
            if chain.queue is not None:
                chain.queue.put_back(len(joined))
            return False
        chain.joined = joined
        return True

    def _finish_header(self, room: Sequence[memoryview], buffers_used: int) -> None:
        """num_buffers, and no flags that were not negotiated (5.1.6.4.1)."""
        if not self.negotiated & features.GUEST_CSUM:
            buffers.scatter(room, b"\0")
        _, after = buffers.split(room, header.NUM_BUFFERS)
        buffers.scatter(after, buffers_used.to_bytes(2, "little"))

    def _send(self, pair: int, chain: Chain) -> int:
        size = buffers.total(chain.readable) - header.SIZE
        if not header.SMALLEST_FRAME <= size <= header.LARGEST_PLAIN_FRAME:
            raise QueueError(f"a frame of {size} bytes behind its header")
        if not self.link_up or pair >= self._pairs:
            return 0
        head, frame = buffers.split(chain.readable, header.SIZE)
        try:
            self._links[pair].send(header.checked(b"".join(head), size, self.negotiated), frame)
        except BlockingIOError:
            pass  # a full network drops
        except BadHeader as error:
            self._complain("the driver's frames are dropped", str(error))
        except OSError as error:
            self._complain("frames are not sent", str(error))
        return 0

    def _complain(self, what: str, why: str) -> None:
        """Once of a kind, whatever a guest does."""
        if what not in self._complaints:
            self._complaints.add(what)
            log.warning("%s: %s: %s", self.name, what, why)


def _clear(event: int) -> None:
    try:
        os.eventfd_read(event)
    except BlockingIOError:
        return
