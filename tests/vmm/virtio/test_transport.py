"""The PCI transport: status machine, negotiation, and a driver that writes anything anywhere."""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.domain import Domain
from kvmctl.vmm.bus.io import IoBus
from kvmctl.vmm.bus.pci import COMMAND, COMMAND_MEMORY, PciBus
from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.devices.virtio import pci
from kvmctl.vmm.devices.virtio.device import F_VERSION_1
from kvmctl.vmm.devices.virtio.queue import Chain
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import Monitor

MEMORY = 0x10000
TABLE, AVAILABLE, USED, DATA = 0x1000, 0x2000, 0x3000, 0x4000
NEEDS_RESET = 64
QUEUES = 2


class Echo:
    """Answers a request with its own bytes, reversed."""

    name = "echo"
    device_id = 63
    class_code = 0xFF0000
    features = 1 << 5
    queue_sizes: Sequence[int] = (16,) * QUEUES

    def __init__(self) -> None:
        self.started_with: int | None = None

    def configuration(self) -> bytes:
        return b"configuration"

    def start(self, features: int) -> None:
        self.started_with = features

    def stop(self) -> None:
        """No request waits."""

    def process(self, queue: int, chain: Chain) -> int:
        data = b"".join(chain.readable)[::-1]
        done = 0
        for buffer in chain.writable:
            part = data[done : done + len(buffer)]
            buffer[: len(part)] = part
            done += len(part)
        return done


class Vector:
    def __init__(self) -> None:
        self.sent = 0

    def route(self, address: int, data: int) -> None:
        """Any message will do."""

    def signal(self) -> None:
        self.sent += 1


class Bench:
    """The device on a bus, and the driver's end."""

    def __init__(self) -> None:
        self.io = IoBus()
        self.levels: dict[int, bool] = {}
        self.vectors: list[Vector] = []
        self.kicks: dict[int, int] = {}
        self.memory = GuestMemory(MEMORY)
        self.pci = PciBus(self.io.mmio, self._irq)
        self.device = Echo()
        platform = Platform(
            domain=cast(Domain, None),
            memory=self.memory,
            bus=self.io,
            pci=self.pci,
            irq=self._irq,
            msi_vector=self._vector,
            ioeventfd=self._ioeventfd,
            timer=cast(Callable[..., object], None),  # type: ignore[arg-type]
            power=lambda _request: None,
            chardev=lambda _alias: None,
            descriptor=lambda _alias: -1,
            monitor=cast(Monitor, None),
        )
        self.transport = pci.VirtioPci(self.device, platform)
        self.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
        self.base = self.pci.read(0, 0x10, 4)

    def _irq(self, gsi: int) -> Callable[[bool], None]:
        return lambda level: self.levels.update({gsi: level})

    def _vector(self) -> Vector:
        self.vectors.append(Vector())
        return self.vectors[-1]

    def _ioeventfd(self, fd: int, address: int, length: int, *, assign: bool) -> None:
        assert length == 2
        if assign:
            self.kicks[address] = fd
        else:
            assert self.kicks.pop(address) == fd

    def read(self, offset: int, size: int) -> int:
        return self.io.mmio_read(self.base + offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self.io.mmio_write(self.base + offset, size, value)

    @property
    def status(self) -> int:
        return self.read(20, 1)

    def negotiate(self, features: int) -> None:
        self.write(20, 1, 0)
        self.write(20, 1, 3)
        for half in range(2):
            self.write(8, 4, half)
            self.write(12, 4, features >> 32 * half & 0xFFFF_FFFF)
        self.write(20, 1, 11)

    def set_up_queue(self, index: int = 0, size: int = 8, table: int = TABLE) -> None:
        self.write(22, 2, index)
        self.write(24, 2, size)
        for place, address in ((32, table), (40, AVAILABLE), (48, USED)):
            self.write(place, 8, address)
        self.write(28, 2, 1)

    def request(self, data: bytes) -> None:
        self.memory.write(DATA, data)
        write, following = 2, 1
        self.memory.write(TABLE, struct.pack("<QIHH", DATA, len(data), following, 1))
        self.memory.write(TABLE + 16, struct.pack("<QIHH", DATA + 0x100, len(data), write, 0))
        self.memory.write(AVAILABLE, struct.pack("<HHH", 0, 1, 0))

    def close(self) -> None:
        fds = set(self.kicks.values())
        self.transport.reset()
        for fd in (self.memory.fd, *fds):
            os.close(fd)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_a_request_by_the_notify_register(bench: Bench) -> None:
    bench.negotiate(F_VERSION_1)
    bench.set_up_queue()
    bench.write(20, 1, 15)
    assert bench.device.started_with == F_VERSION_1
    bench.request(b"stressed")
    bench.write(pci.NOTIFY, 2, 0)
    bench.until(lambda: bench.levels.get(10) is True)
    assert bench.memory.read(DATA + 0x100, 8) == b"desserts"
    assert bench.read(pci.ISR, 1) == pci.ISR_QUEUE
    assert bench.levels[10] is False
    assert bench.read(pci.ISR, 1) == 0


def test_a_request_ends_in_a_message(bench: Bench) -> None:
    capability = bench.pci.read(0, 0x34, 1)
    bench.pci.write(0, capability + 2, 2, 1 << 15)
    bench.write(pci.MSIX_TABLE + 16 + 12, 4, 0)
    bench.negotiate(F_VERSION_1)
    bench.write(22, 2, 0)
    bench.write(26, 2, 1)
    assert bench.read(26, 2) == 1
    bench.set_up_queue()
    bench.write(20, 1, 15)
    bench.request(b"live")
    bench.write(pci.NOTIFY, 2, 0)
    bench.until(lambda: bench.vectors[1].sent == 1)
    assert bench.memory.read(DATA + 0x100, 4) == b"evil"
    assert not bench.levels.get(10)


def test_a_vector_that_is_not_there(bench: Bench) -> None:
    bench.write(16, 2, QUEUES + 1)
    assert bench.read(16, 2) == 0xFFFF


@pytest.mark.parametrize("features", [0, 1 << 5, F_VERSION_1 | 1 << 6, F_VERSION_1 | 1 << 63])
def test_features_that_are_refused(bench: Bench, features: int) -> None:
    bench.negotiate(features)
    assert bench.status == 3
    bench.write(20, 1, 15)
    assert bench.status == 3
    assert bench.device.started_with is None


def test_features_stay_as_they_were_accepted(bench: Bench) -> None:
    bench.negotiate(F_VERSION_1)
    assert bench.status == 11
    bench.write(8, 4, 0)
    bench.write(12, 4, 0xFFFF_FFFF)
    assert bench.read(12, 4) == 0


@pytest.mark.parametrize("changes", [{"size": 0}, {"size": 32}, {"size": 7}, {"table": MEMORY}, {"table": 8}])
def test_a_broken_queue_needs_a_reset(
    bench: Bench, changes: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            bench.negotiate(F_VERSION_1)
            bench.set_up_queue(**changes)
            bench.write(20, 1, 15)
            assert bench.status == 15 | NEEDS_RESET
            assert bench.read(pci.ISR, 1) == pci.ISR_CONFIG
    assert len(caplog.records) == 1
    bench.write(20, 1, 0)
    assert bench.status == 0


def test_a_broken_request_needs_a_reset(bench: Bench) -> None:
    bench.negotiate(F_VERSION_1)
    bench.set_up_queue()
    bench.write(20, 1, 15)
    bench.memory.write(AVAILABLE, struct.pack("<HHH", 0, 1, 8))
    bench.write(pci.NOTIFY, 2, 0)
    bench.until(lambda: bench.status == 15 | NEEDS_RESET)


def test_notifications_follow_the_bar(bench: Bench) -> None:
    assert sorted(bench.kicks) == [bench.base + pci.NOTIFY + 4 * queue for queue in range(QUEUES)]
    bench.pci.write(0, 0x10, 4, 0xD000_0000)
    assert sorted(bench.kicks) == [0xD000_0000 + pci.NOTIFY + 4 * queue for queue in range(QUEUES)]
    bench.pci.write(0, COMMAND, 2, 0)
    assert not bench.kicks


def test_the_window_in_configuration_space(bench: Bench) -> None:
    offset = bench.pci.read(0, 0x34, 1)
    while not (bench.pci.read(0, offset, 1) == 9 and bench.pci.read(0, offset + 3, 1) == 5):
        offset = bench.pci.read(0, offset + 1, 1)
    bench.pci.write(0, offset + 8, 4, 20)
    bench.pci.write(0, offset + 12, 4, 1)
    bench.pci.write(0, offset + 16, 1, 3)
    assert bench.status == 3
    assert bench.pci.read(0, offset + 16, 1) == 3
    bench.pci.write(0, offset + 8, 4, 0xFFFF_FFFF)
    bench.pci.read(0, offset + 16, 4)
    bench.pci.write(0, offset + 16, 4, 0)


ACCESSES = st.lists(
    st.tuples(
        st.sampled_from(["bar", "config"]),
        st.integers(0, 0x40)
        | st.integers(0, pci.BAR_SIZE + 8)
        | st.integers(pci.MSIX_TABLE, pci.MSIX_TABLE + 48),
        st.sampled_from([1, 2, 4, 8]),
        st.integers(0, 2**64 - 1) | st.integers(0, 255),
    ),
    max_size=60,
)


@given(ACCESSES, st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_accesses_leave_a_device_that_a_reset_repairs(
    accesses: list[tuple[str, int, int, int]], live: bool
) -> None:
    bench = Bench()
    try:
        if live:
            bench.negotiate(F_VERSION_1)
            bench.set_up_queue()
            bench.write(20, 1, 15)
        for where, offset, size, value in accesses:
            value &= (1 << 8 * size) - 1
            if where == "bar":
                bench.write(offset, size, value)
                bench.read(offset, size)
            else:
                bench.pci.write(0, offset % 256, min(size, 4), value & (1 << 8 * min(size, 4)) - 1)
                bench.pci.read(0, offset % 256, min(size, 4))
        bench.transport.reset()
        bench.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
        bench.base = bench.pci.read(0, 0x10, 4)
        assert bench.status == 0
        bench.negotiate(F_VERSION_1)
        bench.set_up_queue()
        bench.write(20, 1, 15)
        assert bench.status == 15
        bench.request(b"on")
        bench.write(pci.NOTIFY, 2, 0)
        bench.until(lambda: bench.memory.read(DATA + 0x100, 2) == b"no")
    finally:
        bench.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
        bench.close()
