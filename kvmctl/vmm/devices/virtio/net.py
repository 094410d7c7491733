"""The network device (virtio 1.2, 5.1) on a TAP device of the host."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.transport import plug

DEVICE_ID: Final = 1
QUEUE_SIZE: Final = 256
F_MAC: Final = 1 << 5
RECEIVE: Final = 0
TRANSMIT: Final = 1
HEADER_SIZE: Final = 12
"""struct virtio_net_hdr, which the TAP device reads and writes as well."""
SMALLEST_FRAME: Final = 14
LARGEST_FRAME: Final = 65550
_CLASS_ETHERNET: Final = 0x02_00_00

log = logging.getLogger(__name__)


class Network:
    """One queue pair. Without offloads the TAP device hands over whole frames with an empty header."""

    device_id = DEVICE_ID
    class_code = _CLASS_ETHERNET
    features = F_MAC

    def __init__(self, name: str, fd: int, mac: bytes) -> None:
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE, QUEUE_SIZE)
        self._fd = fd
        self._mac = mac
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._complained = False

    def configuration(self) -> bytes:
        return self._mac

    def start(self, features: int) -> None:
        with_stop = select.poll()
        with_stop.register(self._stop, select.POLLIN)
        if with_stop.poll(0):
            os.eventfd_read(self._stop)

    def stop(self) -> None:
        os.eventfd_write(self._stop, 1)

    def process(self, queue: int, chain: Chain) -> int:
        return self._receive(chain) if queue == RECEIVE else self._transmit(chain)

    def _receive(self, chain: Chain) -> int:
        """Wait for a frame: a buffer is as good as given back when there is something in it."""
        room = buffers.total(chain.writable)
        if room < HEADER_SIZE + SMALLEST_FRAME:
            raise QueueError(f"a buffer of {room} bytes for frames")
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(self._stop, select.POLLIN)
        while True:
            ready = dict(waiting.poll())
            if self._stop in ready:
                raise Stopped
            try:
                done = os.readv(self._fd, chain.writable)
            except BlockingIOError:
                continue
            except OSError as error:
                self._complain("received", error)
                waiting.unregister(self._fd)
                continue
            # num_buffers: all of the frame is in this one (5.1.6.4).
            _, after = buffers.split(chain.writable, HEADER_SIZE - 2)
            buffers.scatter(after, b"\1\0")
            return done

    def _transmit(self, chain: Chain) -> int:
        size = buffers.total(chain.readable)
        if not HEADER_SIZE + SMALLEST_FRAME <= size <= HEADER_SIZE + LARGEST_FRAME:
            raise QueueError(f"a frame of {size} bytes with its header")
        # No offload was negotiated, so that whatever the driver's header says means nothing.
        _, frame = buffers.split(chain.readable, HEADER_SIZE)
        try:
            os.writev(self._fd, [bytes(HEADER_SIZE), *frame])
        except BlockingIOError:
            pass  # a full network drops
        except OSError as error:
            self._complain("sent", error)
        return 0

    def _complain(self, what: str, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            log.warning("%s: frames are not %s: %s", self.name, what, error.strerror)


def attach(platform: Platform) -> list[Device]:
    """A PCI function for every <interface> of the domain."""
    devices: list[Device] = []
    for interface in platform.domain.devices.interfaces:
        name = interface.alias or ""
        mac = bytes.fromhex((interface.mac or "").replace(":", ""))
        devices.append(plug(Network(name, platform.descriptor(name), mac), platform))
    return devices
