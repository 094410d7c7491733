"""The balloon: pages given back, what the driver reports, and what commands and events say of it."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio import balloon
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.memory import PAGE_SIZE, GuestMemory
from kvmctl.vmm.qmp import Handler, QmpError

PAGES = 64


class Recorder:
    """The monitor, with the commands that were given to it."""

    def __init__(self) -> None:
        self.commands: dict[str, Handler] = {}
        self.events: list[object] = []

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        self.commands[name] = handler

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        assert event == "BALLOON_CHANGE"
        self.events.append(data["actual"])


class HandTimer:
    """Fires when the test says so."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.fire = callback
        self.armed: float | None = None

    def arm(self, delay: float) -> None:
        self.armed = delay

    def disarm(self) -> None:
        self.armed = None


class Bench:
    def __init__(self, **options: int) -> None:
        self.memory = GuestMemory(PAGES * PAGE_SIZE)
        self.monitor = Recorder()
        self.timers: list[HandTimer] = []
        self.changes = 0
        self.device = balloon.Balloon(
            "balloon0",
            self.memory,
            self.monitor,
            self._timer,
            **{"target": PAGES * PAGE_SIZE, **options},  # type: ignore[arg-type]
        )
        self.device.on_target = self._changed
        self.device.start(0)

    def _timer(self, callback: Callable[[], None]) -> HandTimer:
        self.timers.append(HandTimer(callback))
        return self.timers[-1]

    def _changed(self) -> None:
        self.changes += 1

    def ask(self, command: str, **arguments: object) -> object:
        return self.monitor.commands[command](arguments)

    def inflate(self, *pages: int) -> None:
        data = struct.pack(f"<{len(pages)}I", *pages)
        assert self.device.process(balloon.INFLATE, Chain(0, [memoryview(data)], [])) == 0

    def resident(self) -> int:
        return os.fstat(self.memory.fd).st_blocks * 512

    def driver_has(self, pages: int) -> None:
        self.device.configure(4, struct.pack("<I", pages))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    os.close(made.memory.fd)


def test_inflated_pages_go_back_to_the_host(bench: Bench) -> None:
    bench.memory.write(0, b"\1" * PAGES * PAGE_SIZE)
    before = bench.resident()
    bench.inflate(9, 3, 8, 10)
    assert before - bench.resident() == 4 * PAGE_SIZE
    for page in range(PAGES):
        expected = b"\0" if page in (3, 8, 9, 10) else b"\1"
        assert bench.memory.read(page * PAGE_SIZE, PAGE_SIZE) == expected * PAGE_SIZE
    assert bench.device.process(balloon.DEFLATE, Chain(0, [memoryview(bytes(8))], [])) == 0


@given(st.lists(st.integers(0, 40)))
def test_runs_cover_every_page_once(numbers: list[int]) -> None:
    runs = list(balloon._runs(sorted(numbers)))
    assert [first + step for first, count in runs for step in range(count)] == sorted(set(numbers))
    assert all(first + count < following for (first, count), (following, _) in pairwise(runs))


@pytest.mark.parametrize(
    "data", [struct.pack("<I", PAGES), b"\xff" * 4, b"\0" * 6, bytes(balloon.MAX_NUMBERS + 4)]
)
def test_pages_that_are_none(bench: Bench, data: bytes) -> None:
    with pytest.raises(QueueError):
        bench.device.process(balloon.INFLATE, Chain(0, [memoryview(data)], []))


@pytest.mark.parametrize("queue", [balloon.REPORTING, balloon.REPORTING_WITHOUT_HINTS])
def test_reported_pages_go_back_to_the_host(queue: int) -> None:
    bench = Bench(page_reporting=True)
    bench.memory.write(0, b"\1" * PAGES * PAGE_SIZE)
    before = bench.resident()
    free = [bench.memory.view(4 * PAGE_SIZE, 8 * PAGE_SIZE), bench.memory.view(100, 2 * PAGE_SIZE)]
    assert bench.device.process(queue, Chain(0, [], free)) == 0
    assert before - bench.resident() == 9 * PAGE_SIZE
    assert bench.memory.read(PAGE_SIZE - 1, 1) == b"\1"
    assert bench.memory.read(PAGE_SIZE, 1) == b"\0"
    os.close(bench.memory.fd)


def test_features_and_queues() -> None:
    for options, features, queues in (
        ({}, balloon.F_STATS_VQ, 3),
        ({"deflate_on_oom": True}, balloon.F_STATS_VQ | balloon.F_DEFLATE_ON_OOM, 3),
        ({"page_reporting": True}, balloon.F_STATS_VQ | balloon.F_PAGE_REPORTING, 5),
    ):
        made = Bench(**options)
        assert made.device.features == features
        assert len(made.device.queue_sizes) == queues
        os.close(made.memory.fd)


def test_a_target_is_told_to_the_driver(bench: Bench) -> None:
    bench.ask("balloon", value=48 * PAGE_SIZE)
    assert bench.changes == 1
    assert bench.device.configuration() == struct.pack("<II", 16, 0)
    assert bench.ask("query-balloon") == {"actual": PAGES * PAGE_SIZE}
    bench.driver_has(16)
    assert bench.ask("query-balloon") == {"actual": 48 * PAGE_SIZE}
    bench.ask("balloon", value=1 << 60)
    assert bench.device.configuration() == struct.pack("<II", 0, 16)
    bench.device.reset()
    assert bench.ask("query-balloon") == {"actual": PAGES * PAGE_SIZE}


@pytest.mark.parametrize("value", [0, -4096, "1", None, True])
def test_targets_that_are_refused(bench: Bench, value: object) -> None:
    with pytest.raises(QmpError):
        bench.ask("balloon", value=value)
    assert bench.changes == 0


def test_events_come_once_a_second_with_the_last_value(bench: Bench) -> None:
    for pages in range(1, 5):
        bench.driver_has(pages)
    assert bench.monitor.events == [63 * PAGE_SIZE]
    (timer,) = bench.timers
    assert timer.armed == 1
    timer.fire()
    assert bench.monitor.events == [63 * PAGE_SIZE, 60 * PAGE_SIZE]
    timer.fire()
    assert len(bench.monitor.events) == 2
    bench.driver_has(0)
    assert bench.monitor.events[-1] == PAGES * PAGE_SIZE


@given(st.lists(st.tuples(st.integers(0, 4096), st.binary(min_size=1, max_size=8)), max_size=8))
def test_any_writes_to_the_configuration(writes: list[tuple[int, bytes]]) -> None:
    made = Bench()
    for offset, data in writes:
        made.device.configure(offset, data)
    target, actual = struct.unpack("<II", made.device.configuration())
    assert target == 0
    assert 0 <= actual <= PAGES
    os.close(made.memory.fd)


def statistics(bench: Bench, *pairs: tuple[int, int]) -> Chain:
    data = b"".join(struct.pack("<HQ", tag, value) for tag, value in pairs)
    return Chain(0, [memoryview(data[:7]), memoryview(data[7:])], [])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_statistics_are_kept_and_asked_for_by_the_period(bench: Bench) -> None:
    given_back: list[int] = []
    chain = statistics(bench, (4, 1 << 40), (5, 77), (999, 1))
    serving = threading.Thread(target=lambda: given_back.append(bench.device.process(balloon.STATS, chain)))
    serving.start()
    until(lambda: bench.ask("query-balloon-stats")["last-update"])  # type: ignore[index]
    reply = bench.ask("query-balloon-stats")
    assert isinstance(reply, dict)
    assert reply["stats"] == {"stat-free-memory": 1 << 40, "stat-total-memory": 77}
    assert reply["period"] == 0
    assert not given_back
    bench.ask("balloon-stats-period", seconds=1)
    serving.join(5)
    assert given_back == [0]


def test_a_reset_ends_the_wait(bench: Bench) -> None:
    seen: list[type[BaseException]] = []

    def serve() -> None:
        try:
            bench.device.process(balloon.STATS, statistics(bench, (0, 1)))
        except Stopped:
            seen.append(Stopped)

    serving = threading.Thread(target=serve)
    serving.start()
    until(lambda: bench.ask("query-balloon-stats")["last-update"])  # type: ignore[index]
    bench.device.stop()
    serving.join(5)
    assert seen == [Stopped]


@pytest.mark.parametrize("seconds", [-1, 1 << 31, "2", None])
def test_periods_that_are_refused(bench: Bench, seconds: object) -> None:
    with pytest.raises(QmpError):
        bench.ask("balloon-stats-period", seconds=seconds)
