"""The MMIO transport: registers, interrupts, queues that are taken back, a driver that writes anything."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio import mmio
from kvmctl.vmm.devices.virtio.device import F_VERSION_1
from tests.budget import examples
from tests.vmm.virtio.bench import AVAILABLE, DATA, GSI, MEMORY, NEEDS_RESET, QUEUES, USED
from tests.vmm.virtio.bench import MmioBench as Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def running(bench: Bench) -> None:
    bench.negotiate(F_VERSION_1)
    bench.set_up_queue()
    bench.set(mmio.STATUS, 15)


def test_what_it_says_it_is(bench: Bench) -> None:
    assert struct.pack("<I", bench.get(mmio.MAGIC)) == b"virt"
    assert bench.get(mmio.VERSION) == 2
    assert bench.get(mmio.DEVICE_ID) == 63
    bench.set(mmio.DEVICE_FEATURES_SEL, 0)
    assert bench.get(mmio.DEVICE_FEATURES) == bench.core.features & 0xFFFF_FFFF
    bench.set(mmio.DEVICE_FEATURES_SEL, 1)
    assert bench.get(mmio.DEVICE_FEATURES) == 1
    bench.set(mmio.DEVICE_FEATURES_SEL, 2)
    assert bench.get(mmio.DEVICE_FEATURES) == 0
    assert bench.read(mmio.CONFIG, 1) == ord("c")
    assert bench.read(mmio.CONFIG + 1, 4) == int.from_bytes(b"onfi", "little")
    assert bench.get(mmio.SHM_LENGTH) == 0xFFFF_FFFF


def test_queues_that_are_there(bench: Bench) -> None:
    for index in range(QUEUES):
        bench.set(mmio.QUEUE_SEL, index)
        assert bench.get(mmio.QUEUE_NUM_MAX) == 16
    bench.set(mmio.QUEUE_SEL, QUEUES)
    assert bench.get(mmio.QUEUE_NUM_MAX) == 0
    bench.set(mmio.QUEUE_READY, 1)
    assert bench.get(mmio.QUEUE_READY) == 0
    place = bench.base + mmio.QUEUE_NOTIFY
    assert sorted(bench.kicks, key=str) == [(place, index) for index in range(QUEUES)]


def test_a_request(bench: Bench) -> None:
    running(bench)
    assert bench.device.started_with == F_VERSION_1
    bench.request(b"stressed")
    bench.set(mmio.QUEUE_NOTIFY, 0)
    bench.until(lambda: bench.levels.get(GSI) is True)
    assert bench.memory.read(DATA + 0x100, 8) == b"desserts"
    assert bench.get(mmio.INTERRUPT_STATUS) == mmio.INTERRUPT_QUEUE
    assert bench.levels[GSI] is True
    bench.set(mmio.INTERRUPT_ACK, mmio.INTERRUPT_QUEUE)
    assert bench.get(mmio.INTERRUPT_STATUS) == 0
    assert bench.levels[GSI] is False


def test_a_change_of_the_configuration(bench: Bench) -> None:
    before = bench.get(mmio.CONFIG_GENERATION)
    bench.core.configuration_changed()
    assert bench.get(mmio.CONFIG_GENERATION) != before
    assert not bench.levels.get(GSI)
    running(bench)
    bench.core.configuration_changed()
    assert bench.get(mmio.INTERRUPT_STATUS) == mmio.INTERRUPT_CONFIG
    bench.set(mmio.INTERRUPT_ACK, mmio.INTERRUPT_QUEUE)
    assert bench.levels[GSI] is True
    bench.set(mmio.STATUS, 0)
    assert bench.levels[GSI] is False


def test_narrow_and_unaligned_accesses_mean_nothing(bench: Bench) -> None:
    assert bench.read(mmio.MAGIC, 1) == 0
    assert bench.read(mmio.MAGIC + 2, 4) == 0
    bench.write(mmio.STATUS, 1, 3)
    assert bench.status == 0


def test_a_queue_taken_back_and_given_again(bench: Bench) -> None:
    running(bench)
    bench.request(b"was")
    bench.set(mmio.QUEUE_NOTIFY, 0)
    bench.until(lambda: bench.memory.read(USED + 2, 2) == b"\1\0")
    bench.set(mmio.QUEUE_READY, 0)
    assert bench.get(mmio.QUEUE_READY) == 0
    assert bench.core.queues[0].worker is None
    bench.memory.write(USED, bytes(16))
    bench.memory.write(AVAILABLE, bytes(16))
    bench.set_up_queue(size=4)
    bench.request(b"saw")
    bench.set(mmio.QUEUE_NOTIFY, 0)
    bench.until(lambda: bench.memory.read(DATA + 0x100, 3) == b"was")


@pytest.mark.parametrize("features", [0, 1 << 5, F_VERSION_1 | 1 << 6, F_VERSION_1 | 1 << 63])
def test_features_that_are_refused(bench: Bench, features: int) -> None:
    bench.negotiate(features)
    assert bench.status == 3


@pytest.mark.parametrize("changes", [{"size": 0}, {"size": 32}, {"size": 7}, {"table": MEMORY}, {"table": 8}])
def test_a_broken_queue_needs_a_reset(
    bench: Bench, changes: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        bench.negotiate(F_VERSION_1)
        bench.set_up_queue(**changes)
        bench.set(mmio.STATUS, 15)
    assert bench.status == 15 | NEEDS_RESET
    assert bench.get(mmio.INTERRUPT_STATUS) == mmio.INTERRUPT_CONFIG
    assert len(caplog.records) == 1


def test_devices_share_lines_when_there_are_many(bench: Bench) -> None:
    slots = [bench.slots.take() for _ in range(2)]
    assert [slot.gsi for slot in slots] == [GSI + 1, GSI]
    bench.slots.set_interrupt(bench.slots.taken[0], True)
    bench.slots.set_interrupt(slots[1], True)
    bench.slots.set_interrupt(slots[1], False)
    assert bench.levels[GSI] is True
    assert bench.slots.kernel_arguments().split() == [
        "virtio_mmio.device=4K@0xd0000000:16",
        "virtio_mmio.device=4K@0xd0001000:17",
        "virtio_mmio.device=4K@0xd0002000:16",
    ]


ACCESSES = st.lists(
    st.tuples(
        st.sampled_from(sorted(range(0, 0x110, 4))) | st.integers(0, 0xFF8),
        st.sampled_from([1, 2, 4, 4, 4, 8]),
        st.integers(0, 2**64 - 1) | st.integers(0, 16),
    ),
    max_size=60,
)


@given(ACCESSES, st.booleans())
@examples(200)
def test_any_accesses_leave_a_device_that_a_reset_repairs(
    accesses: list[tuple[int, int, int]], live: bool
) -> None:
    bench = Bench()
    try:
        if live:
            running(bench)
        for offset, size, value in accesses:
            bench.write(offset, size, value & (1 << 8 * size) - 1)
            bench.read(offset, size)
        bench.memory.write(AVAILABLE, bytes(64))
        bench.transport.reset()
        assert bench.status == 0
        running(bench)
        assert bench.status == 15
        bench.request(b"on")
        bench.set(mmio.QUEUE_NOTIFY, 0)
        bench.until(lambda: bench.memory.read(DATA + 0x100, 2) == b"no")
    finally:
        bench.close()
