"""The entropy device's rate: no more than its bytes in a period, and a wait that a stop ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain
from kvmctl.vmm.devices.virtio.rng import Entropy, Quota


@pytest.fixture
def source() -> Iterator[int]:
    fd = os.open("/dev/zero", os.O_RDONLY)
    yield fd
    os.close(fd)


def request(size: int) -> Chain:
    return Chain(0, [], [memoryview(bytearray(size))])


def test_without_a_rate_every_request_is_filled(source: int) -> None:
    device = Entropy("rng0", source)
    assert [device.process(0, request(100)) for _ in range(3)] == [100, 100, 100]


def test_a_period_gives_its_bytes_and_the_next_one_too(source: int) -> None:
    device = Entropy("rng0", source, Quota(100, 0.2))
    begin = time.monotonic()
    given = [device.process(0, request(60)) for _ in range(4)]
    assert given == [60, 40, 60, 40]
    assert time.monotonic() - begin >= 0.2


def test_a_stop_ends_the_wait(source: int) -> None:
    device = Entropy("rng0", source, Quota(10, 1000))
    assert device.process(0, request(10)) == 10
    stopper = threading.Timer(0.05, device.stop)
    stopper.start()
    with pytest.raises(Stopped):
        device.process(0, request(10))
    stopper.join()


def test_a_guest_does_not_get_around_its_rate_by_resets(source: int) -> None:
    device = Entropy("rng0", source, Quota(10, 1000))
    assert device.process(0, request(10)) == 10
    device.stop()
    device.start(0)
    stopper = threading.Timer(0.05, device.stop)
    stopper.start()
    with pytest.raises(Stopped):
        device.process(0, request(10))
    stopper.join()
