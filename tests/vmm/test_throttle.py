"""Limits of I/O against a clock of our own."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.throttle import Direction, Limit, LimitError, Limits, Stop, Throttle


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        assert seconds > 0
        self.now += seconds
        return False


def duration(limits: Limits, requests: Sequence[tuple[Direction, int]]) -> float:
    """Seconds that the requests take, one after the other."""
    clock = Clock()
    throttle = Throttle(limits, clock)
    for direction, size in requests:
        throttle.pass_through(direction, size, clock.sleep)
    return clock.now - 100.0


def limits(scope: str = "total", unit: str = "bytes", request_size: int = 0, **figures: int) -> Limits:
    return Limits({(scope, unit): Limit(**figures)}, request_size)


READ, WRITE = Direction.READ, Direction.WRITE


def test_no_limit_costs_nothing() -> None:
    assert duration(Limits(), [(READ, 1 << 30)] * 100) == 0


@pytest.mark.parametrize("unit", ["bytes", "iops"])
def test_the_average(unit: str) -> None:
    size = 1000 if unit == "bytes" else 1 << 20
    average = 10_000 if unit == "bytes" else 10
    assert duration(limits(unit=unit, average=average), [(READ, size), (WRITE, size)] * 50) == (
        pytest.approx(10, rel=0.03)
    )


def test_one_direction_leaves_the_other() -> None:
    slow = limits("write", average=1000)
    assert duration(slow, [(READ, 1 << 20)] * 10) == 0
    assert duration(slow, [(WRITE, 1000)] * 10) == pytest.approx(9, rel=0.15)


def test_a_request_larger_than_the_limit_passes_and_is_paid_for() -> None:
    assert duration(limits(average=1000), [(READ, 10_000)]) == 0
    assert duration(limits(average=1000), [(READ, 10_000), (READ, 1)]) == pytest.approx(9.9, rel=0.02)


def test_a_burst() -> None:
    """Three seconds at the burst's rate, then the average."""
    bursting = limits(average=100, burst=1000, burst_seconds=3)
    assert duration(bursting, [(READ, 100)] * 30) == pytest.approx(3, rel=0.1)
    after = duration(bursting, [(READ, 100)] * 50) - duration(bursting, [(READ, 100)] * 40)
    assert after == pytest.approx(10, rel=0.1)


def test_large_requests_count_as_several() -> None:
    counted = limits(unit="iops", average=10, request_size=4096)
    assert duration(counted, [(READ, 40960)] * 10) == pytest.approx(9, rel=0.02)


def test_new_limits_count_at_once() -> None:
    clock = Clock()
    throttle = Throttle(limits(average=1), clock)
    throttle.pass_through(READ, 1000, clock.sleep)
    throttle.set(limits(average=1 << 30))
    throttle.pass_through(READ, 1000, clock.sleep)
    assert clock.now == 100


def test_a_wait_is_given_up() -> None:
    throttle = Throttle(limits(average=1))
    throttle.pass_through(READ, 1000, lambda _: True)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stop):
        throttle.pass_through(READ, 1, stopping.wait)


def test_a_group_shares() -> None:
    clock = Clock()
    throttle = Throttle(limits(average=1000), clock)
    for _ in range(50):
        throttle.pass_through(READ, 100, clock.sleep)
        throttle.pass_through(WRITE, 100, clock.sleep)
    assert clock.now - 100 == pytest.approx(10, rel=0.03)


@pytest.mark.parametrize(
    "buckets",
    [
        {("total", "bytes"): Limit(1), ("read", "bytes"): Limit(1)},
        {("total", "iops"): Limit(1), ("write", "iops"): Limit(1)},
        {("read", "iops"): Limit(10, 5)},
        {("read", "iops"): Limit(0, 5)},
        {("read", "iops"): Limit(10, 0, 5)},
    ],
)
def test_limits_that_contradict_each_other(buckets: dict[tuple[str, str], Limit]) -> None:
    with pytest.raises(LimitError):
        Limits(buckets)


def test_a_size_without_a_limit_of_requests() -> None:
    with pytest.raises(LimitError):
        Limits({("total", "bytes"): Limit(1)}, 4096)


@given(
    st.integers(1, 10**6),
    st.lists(st.tuples(st.sampled_from(Direction), st.integers(1, 10**6)), min_size=1, max_size=50),
)
def test_never_faster_than_allowed_nor_much_slower(
    average: int, requests: list[tuple[Direction, int]]
) -> None:
    """All but the last request and what may be owed for it has passed at the average rate."""
    took = duration(limits(average=average), requests)
    before_last = sum(size for _, size in requests[:-1])
    assert took >= (before_last - average / 10) / average - 1e-3
    assert took <= before_last / average + 1e-3
