"""Queues that a back end serves: what it is told, and how its signals reach the driver."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from kvmctl.vmm.devices.virtio import pci
from kvmctl.vmm.devices.virtio.device import F_VERSION_1, DeviceFailed, Ring
from tests.vmm.virtio.bench import AVAILABLE, NEEDS_RESET, TABLE, USED, MmioBench, PciBench, Vector

FEATURE = 1 << 3
NEXT = 7
"""Where the back end says to go on."""


class Backend:
    """A device that notes what is asked of it."""

    name = "served"
    device_id = 63
    class_code = 0xFF0000
    features = FEATURE | F_VERSION_1
    queue_sizes: Sequence[int] = (16, 16)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.rings: dict[int, Ring] = {}
        self.fails_at = ""

    def configuration(self) -> bytes:
        return b""

    def _did(self, what: str) -> None:
        self.calls.append(what)
        if what == self.fails_at:
            raise DeviceFailed("the back end has gone")

    def start(self, features: int) -> None:
        self._did(f"start {features:#x}")

    def stop(self) -> None:
        self._did("stop")

    def start_queue(self, ring: Ring) -> None:
        self.rings[ring.index] = ring
        self._did(f"start queue {ring.index} at {ring.base}")

    def stop_queue(self, index: int) -> int:
        del self.rings[index]
        self._did(f"stop queue {index}")
        return NEXT


class WiredVector(Vector):
    def __init__(self) -> None:
        super().__init__()
        self.wired: set[int] = set()

    def wire(self, fd: int) -> None:
        self.wired.add(fd)

    def unwire(self, fd: int) -> None:
        self.wired.remove(fd)


class Bench(PciBench):
    def __init__(self) -> None:
        self.backend = Backend()
        super().__init__(self.backend)  # type: ignore[arg-type]

    def _vector(self) -> Vector:
        self.vectors.append(WiredVector())
        return self.vectors[-1]

    def run(self) -> None:
        self.negotiate(FEATURE | F_VERSION_1)
        self.set_up_queue()
        self.write(20, 1, 15)

    def enable_msix(self) -> None:
        capability = self.pci.read(0, 0x34, 1)
        self.pci.write(0, capability + 2, 2, 1 << 15)

    def mask(self, vector: int, masked: bool) -> None:
        self.write(pci.MSIX_TABLE + 16 * vector + 12, 4, int(masked))

    def wired(self, vector: int) -> set[int]:
        found = self.vectors[vector]
        assert isinstance(found, WiredVector)
        return found.wired


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


START = f"start {FEATURE | F_VERSION_1:#x}"


def test_the_ring_as_the_driver_described_it(bench: Bench) -> None:
    assert bench.core.features == FEATURE | F_VERSION_1  # no format of rings that the back end has not
    bench.run()
    assert bench.backend.calls == [START, "start queue 0 at 0"]
    layout = bench.backend.rings[0].layout
    assert (layout.size, layout.descriptors, layout.available, layout.used) == (8, TABLE, AVAILABLE, USED)
    assert not layout.event_index
    bench.write(pci.NOTIFY, 2, 0)
    assert os.eventfd_read(bench.backend.rings[0].kick_fd) == 1


def test_a_pause_and_a_reset(bench: Bench) -> None:
    bench.run()
    bench.transport.pause()
    bench.transport.pause()
    assert bench.backend.calls[2:] == ["stop", "stop queue 0"]
    bench.transport.resume()
    assert bench.backend.calls[4:] == [START, f"start queue 0 at {NEXT}"]
    bench.write(20, 1, 0)
    bench.run()
    assert bench.backend.calls[6:] == ["stop", "stop queue 0", START, "start queue 0 at 0"]


def test_signals_by_the_interrupt_pin(bench: Bench) -> None:
    bench.run()
    os.eventfd_write(bench.backend.rings[0].call_fd, 1)
    bench.until(lambda: bench.levels.get(11) is True)
    assert bench.read(pci.ISR, 1) == pci.ISR_QUEUE


def test_signals_over_mmio() -> None:
    backend = Backend()
    bench = MmioBench(backend)  # type: ignore[arg-type]
    bench.negotiate(FEATURE | F_VERSION_1)
    bench.set_up_queue()
    bench.set(0x70, 15)
    os.eventfd_write(backend.rings[0].call_fd, 1)
    bench.until(lambda: bench.get(0x60) == 1)
    bench.close()


def test_signals_by_irqfd(bench: Bench) -> None:
    """KVM has the eventfd while the vector is live; what comes while it is masked is pending."""
    bench.enable_msix()
    bench.mask(1, masked=False)
    bench.write(22, 2, 0)
    bench.write(26, 2, 1)
    bench.run()
    # A reset takes the vector back, which the driver chooses before it enables the queue.
    assert bench.wired(1) == set()
    bench.write(22, 2, 0)
    bench.write(26, 2, 1)
    call_fd = bench.backend.rings[0].call_fd
    assert bench.wired(1) == {call_fd}
    bench.mask(1, masked=True)
    assert bench.wired(1) == set()
    os.eventfd_write(call_fd, 1)
    bench.until(lambda: bench.read(pci.MSIX_PBA, 1) == 2)
    bench.mask(1, masked=False)
    assert bench.vectors[1].sent == 1
    assert bench.wired(1) == {call_fd}
    bench.write(26, 2, 2)
    assert bench.wired(1) == set()
    bench.mask(2, masked=False)
    assert bench.wired(2) == {call_fd}
    bench.transport.pause()
    assert bench.wired(2) == set()


@pytest.mark.parametrize("step", [START, "start queue 0 at 0"])
def test_a_back_end_that_fails(bench: Bench, step: str) -> None:
    bench.backend.fails_at = step
    bench.run()
    assert bench.status & NEEDS_RESET
    bench.backend.fails_at = ""
    bench.write(20, 1, 0)
    bench.run()
    assert not bench.status & NEEDS_RESET
    bench.backend.fails_at = "stop queue 0"
    bench.transport.pause()
    assert bench.status & NEEDS_RESET
