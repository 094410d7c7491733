"""The PCI transport: status machine, negotiation, and a driver that writes anything anywhere."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.bus.pci import COMMAND, COMMAND_MEMORY
from kvmctl.vmm.devices.virtio import pci
from kvmctl.vmm.devices.virtio.device import F_VERSION_1
from tests.budget import examples
from tests.vmm.virtio.bench import AVAILABLE, DATA, MEMORY, NEEDS_RESET, ON, QUEUES
from tests.vmm.virtio.bench import PciBench as Bench


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
    bench.until(lambda: bench.levels.get(11) is True)
    assert bench.memory.read(DATA + 0x100, 8) == b"desserts"
    assert bench.read(pci.ISR, 1) == pci.ISR_QUEUE
    assert bench.levels[11] is False
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
    assert not bench.levels.get(11)


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
    assert sorted(bench.kicks) == [(bench.base + pci.NOTIFY + 4 * queue, None) for queue in range(QUEUES)]
    bench.pci.write(0, 0x10, 4, 0xD000_0000)
    assert sorted(bench.kicks) == [(0xD000_0000 + pci.NOTIFY + 4 * queue, None) for queue in range(QUEUES)]
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
@examples(200)
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
        bench.pci.write(0, COMMAND, 2, ON)
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
        bench.close()


def test_no_request_while_it_is_no_bus_master(bench: Bench) -> None:
    bench.negotiate(F_VERSION_1)
    bench.set_up_queue()
    bench.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
    bench.write(20, 1, 15)
    bench.request(b"parts")
    bench.write(pci.NOTIFY, 2, 0)
    assert bench.device.started_with is None
    assert bench.core.queues[0].worker is None
    bench.pci.write(0, COMMAND, 2, ON)
    bench.until(lambda: bench.memory.read(DATA + 0x100, 5) == b"strap")
    bench.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
    assert bench.core.queues[0].worker is None
    bench.memory.write(AVAILABLE + 2, struct.pack("<HHH", 2, 0, 0))
    bench.memory.write(DATA, b"draws")
    bench.write(pci.NOTIFY, 2, 0)
    bench.pci.write(0, COMMAND, 2, ON)
    bench.until(lambda: bench.memory.read(DATA + 0x100, 5) == b"sward")


def test_no_message_while_it_is_no_bus_master(bench: Bench) -> None:
    capability = bench.pci.read(0, 0x34, 1)
    bench.pci.write(0, capability + 2, 2, 1 << 15)
    bench.write(pci.MSIX_TABLE + 12, 4, 0)
    bench.negotiate(F_VERSION_1)
    bench.write(16, 2, 0)
    bench.write(20, 1, 15)
    bench.pci.write(0, COMMAND, 2, COMMAND_MEMORY)
    bench.core.configuration_changed()
    assert bench.vectors[0].sent == 0
    assert bench.read(pci.MSIX_PBA, 8) == 1
    bench.pci.write(0, COMMAND, 2, ON)
    assert bench.vectors[0].sent == 1
