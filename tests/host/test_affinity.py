"""Processor lists, and threads that are put on processors."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.host import affinity, cpu


@given(st.sets(st.integers(0, 300), min_size=1))
def test_the_list_format_is_what_the_kernel_reads(numbers: set[int]) -> None:
    assert set(cpu.parse_list(affinity.format_list(numbers))) == numbers


def test_ranges_are_as_long_as_they_can_be() -> None:
    assert affinity.format_list([3, 1, 0, 8, 2]) == "0-3,8"


def test_a_thread_is_pinned_alone() -> None:
    done = threading.Event()
    worker = threading.Thread(target=done.wait)
    worker.start()
    try:
        thread = worker.native_id or 0
        before = affinity.cpus_of(os.getpid())
        first = min(before)
        affinity.pin(thread, [first, 100_000 % 1000])
        assert affinity.cpus_of(thread) == {first}
        assert affinity.cpus_of(os.getpid()) == before
        assert thread in affinity.threads(os.getpid())
    finally:
        done.set()
        worker.join()


def test_processors_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match=r"none of the processors 900-901 can be used"):
        affinity.pin(0, [900, 901])


def test_a_scheduler_of_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no scheduler 'deadline'"):
        affinity.set_scheduler(0, "deadline")
