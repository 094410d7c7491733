"""The entropy device (virtio 1.2, 5.4), which gives what a character device of the host gives."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.queue import Chain
from kvmctl.vmm.devices.virtio.transport import plug

DEVICE_ID: Final = 4
QUEUE_SIZE: Final = 64
MAX_REQUEST: Final = 64 << 10
"""What one request gets at most; the driver asks again for more."""
_CLASS_OTHER: Final = 0x00_FF_00

log = logging.getLogger(__name__)


class Entropy:
    device_id = DEVICE_ID
    class_code = _CLASS_OTHER
    features = 0

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,)
        self._fd = fd
        self._complained = False

    def configuration(self) -> bytes:
        return b""

    def start(self, features: int) -> None:
        """There is nothing to prepare."""

    def stop(self) -> None:
        """No request waits for anything but the host's file."""

    def process(self, queue: int, chain: Chain) -> int:
        wanted, _ = buffers.split(chain.writable, MAX_REQUEST)
        if not wanted:
            return 0
        try:
            return os.readv(self._fd, wanted)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.error("%s: no random numbers: %s", self.name, error.strerror)
            return 0


def attach(platform: Platform) -> list[Device]:
    """A PCI function for every <rng> of the domain."""
    devices: list[Device] = []
    for source in platform.domain.devices.rngs:
        name = source.alias or ""
        fd = platform.descriptor(name)
        os.set_blocking(fd, True)
        devices.append(plug(Entropy(name, fd), platform, source.address))
    return devices
