"""The entropy device (virtio 1.2, 5.4), which gives what a file of the host gives, at its rate."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kvmctl.domain import Rng
from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain
from kvmctl.vmm.devices.virtio.transport import plug

DEVICE_ID: Final = 4
QUEUE_SIZE: Final = 64
MAX_REQUEST: Final = 64 << 10
"""What one request gets at most; the driver asks again for more."""
_CLASS_OTHER: Final = 0x00_FF_00

log = logging.getLogger(__name__)


_PERIOD: Final = 1000
"""Milliseconds, where a rate names none (formatdomain, "Random number generator device")."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that the guest gets in each period."""

    bytes: int
    seconds: float


class Entropy:
    device_id = DEVICE_ID
    class_code = _CLASS_OTHER
    features = 0

    def __init__(self, name: str, fd: int, quota: Quota | None = None) -> None:
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,)
        self._fd = fd
        self._quota = quota
        self._given = 0
        self._period_ends = 0.0
        self._stopping = threading.Event()
        self._complained = False

    def configuration(self) -> bytes:
        return b""

    def start(self, features: int) -> None:
        self._stopping.clear()

    def stop(self) -> None:
        """A request that waits for its period is given up."""
        self._stopping.set()

    def process(self, queue: int, chain: Chain) -> int:
        wanted, _ = buffers.split(chain.writable, MAX_REQUEST)
        if not wanted:
            return 0
        if self._quota is not None:
            wanted, _ = buffers.split(wanted, self._room(self._quota))
        try:
            given = os.readv(self._fd, wanted)
            self._given += given
            return given
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.error("%s: no random numbers: %s", self.name, error.strerror)
            return 0

    def _room(self, quota: Quota) -> int:
        """How many bytes the guest may have now, after a wait when there are none."""
        now = time.monotonic()
        if self._given >= quota.bytes and now < self._period_ends:
            if self._stopping.wait(self._period_ends - now):
                raise Stopped
            now = self._period_ends
        if now >= self._period_ends:
            self._given = 0
            self._period_ends = now + quota.seconds
        return quota.bytes - self._given


def _quota(rng: Rng) -> Quota | None:
    if rng.rate_bytes is None:
        return None
    return Quota(rng.rate_bytes, (rng.rate_period or _PERIOD) / 1000)


def attach(platform: Platform) -> list[Device]:
    """A PCI function for every <rng> of the domain."""
    devices: list[Device] = []
    for source in platform.domain.devices.rngs:
        name = source.alias or ""
        fd = platform.descriptor(name)
        os.set_blocking(fd, True)
        devices.append(plug(Entropy(name, fd, _quota(source)), platform, source.address))
    return devices
