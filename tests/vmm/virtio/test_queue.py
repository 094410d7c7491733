"""The split queue: what a correct driver gets, and that no ring and no memory make it do harm."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.queue import (
    DESC_INDIRECT,
    DESC_NEXT,
    DESC_WRITE,
    Chain,
    QueueError,
    QueueLayout,
    SplitQueue,
)
from kvmctl.vmm.memory import GuestMemory

TABLE = 0x1000
AVAILABLE = 0x2000
USED = 0x3000
INDIRECT = 0x4000
DATA = 0x8000
MEMORY = 0x10000
SIZE = 8

Descriptor = tuple[int, int, int, int]


def layout(**changes: int | bool) -> QueueLayout:
    values: dict[str, int] = {"size": SIZE, "descriptors": TABLE, "available": AVAILABLE, "used": USED}
    flags = {"event_index": False, "indirect": True}
    return QueueLayout(**{**values, **flags, **changes})  # type: ignore[arg-type]


class Driver:
    """Writes rings as they are told."""

    def __init__(self, **changes: int | bool) -> None:
        self.memory = GuestMemory(MEMORY)
        self.queue = SplitQueue(self.memory, layout(**changes))

    def describe(self, descriptors: Sequence[Descriptor], table: int = TABLE) -> None:
        for index, descriptor in enumerate(descriptors):
            self.memory.write(table + 16 * index, struct.pack("<QIHH", *descriptor))

    def offer(self, *heads: int, index: int | None = None) -> None:
        for place, head in enumerate(heads):
            self.memory.write(AVAILABLE + 4 + 2 * place, struct.pack("<H", head))
        self.memory.write(AVAILABLE + 2, struct.pack("<H", len(heads) if index is None else index))

    def used_event(self, value: int) -> None:
        self.memory.write(AVAILABLE + 4 + 2 * SIZE, struct.pack("<H", value))

    def word(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 2), "little")

    def pop(self) -> Chain:
        chain = self.queue.pop()
        assert chain is not None
        return chain


def lengths(buffers: Sequence[memoryview]) -> list[int]:
    return [len(buffer) for buffer in buffers]


def test_a_chain_and_its_completion() -> None:
    driver = Driver()
    driver.memory.write(DATA, b"question")
    driver.describe([(DATA, 8, DESC_NEXT, 3), (0, 0, 0, 0), (0, 0, 0, 0), (DATA + 64, 16, DESC_WRITE, 0)])
    assert driver.queue.pop() is None
    driver.offer(0)
    chain = driver.pop()
    assert b"".join(chain.readable) == b"question"
    assert lengths(chain.writable) == [16]
    chain.writable[0][:6] = b"answer"
    driver.queue.push(chain.head, 6)
    assert driver.memory.read(DATA + 64, 6) == b"answer"
    assert driver.memory.read(USED, 12) == struct.pack("<HHII", 0, 1, 0, 6)
    assert driver.queue.pop() is None


def test_requests_that_were_joined_complete_at_once() -> None:
    driver = Driver()
    driver.describe([(DATA + 16 * n, 16, DESC_WRITE, 0) for n in range(4)])
    driver.offer(0, 1, 2, 3)
    first, second, third = driver.pop(), driver.pop(), driver.pop()
    assert first.queue is driver.queue
    driver.queue.put_back()
    assert driver.pop().head == third.head
    driver.queue.put_back(2)
    assert driver.pop().head == second.head
    driver.queue.push(first.head, 16, [(second.head, 9)])
    assert driver.memory.read(USED, 20) == struct.pack("<HHIIII", 0, 2, 0, 16, 1, 9)


def test_an_indirect_table() -> None:
    driver = Driver()
    driver.describe([(INDIRECT, 32, DESC_INDIRECT, 0)])
    driver.describe([(DATA, 4, DESC_NEXT, 1), (DATA + 4, 4, DESC_WRITE, 0)], INDIRECT)
    driver.offer(0)
    chain = driver.pop()
    assert (lengths(chain.readable), lengths(chain.writable)) == ([4], [4])


@pytest.mark.parametrize(
    ("descriptors", "message"),
    [
        ([(DATA, 4, DESC_NEXT, 0)], "loops"),
        ([(DATA, 4, DESC_NEXT, 1), (DATA, 4, DESC_NEXT, 0)], "loops"),
        ([(DATA, 4, DESC_NEXT, SIZE)], "descriptor 8 of 8"),
        ([(DATA, 4, DESC_NEXT | DESC_WRITE, 1), (DATA, 4, 0, 0)], "after a buffer to write"),
        ([(MEMORY - 2, 4, 0, 0)], "not RAM"),
        ([(2**64 - 2, 4, 0, 0)], "not RAM"),
        ([(INDIRECT, 0, DESC_INDIRECT, 0)], "indirect table of 0 bytes"),
        ([(INDIRECT, 17, DESC_INDIRECT, 0)], "indirect table of 17 bytes"),
        ([(INDIRECT, 16 * 1025, DESC_INDIRECT, 0)], "indirect table of 16400 bytes"),
        ([(INDIRECT, 16, DESC_INDIRECT | DESC_NEXT, 1)], "with a next"),
        ([(MEMORY, 16, DESC_INDIRECT, 0)], "not RAM"),
        ([(TABLE, 16, DESC_INDIRECT, 0)], "inside an indirect table"),
    ],
)
def test_broken_chains(descriptors: list[Descriptor], message: str) -> None:
    driver = Driver()
    driver.describe(descriptors)
    driver.offer(0)
    with pytest.raises(QueueError, match=message):
        driver.queue.pop()


def test_an_indirect_table_has_to_be_negotiated() -> None:
    driver = Driver(indirect=False)
    driver.describe([(INDIRECT, 16, DESC_INDIRECT, 0)])
    driver.offer(0)
    with pytest.raises(QueueError, match="not negotiated"):
        driver.queue.pop()


def test_broken_rings() -> None:
    driver = Driver()
    driver.offer(SIZE)
    with pytest.raises(QueueError, match="descriptor 8"):
        driver.queue.pop()
    driver = Driver()
    driver.offer(0, index=SIZE + 1)
    with pytest.raises(QueueError, match="9 requests"):
        driver.queue.pop()


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": 6},
        {"size": 65536},
        {"descriptors": TABLE + 8},
        {"available": AVAILABLE + 1},
        {"used": USED + 2},
        {"descriptors": MEMORY - 16},
        {"available": MEMORY - 2},
        {"used": MEMORY},
        {"used": 2**64 - 4},
    ],
)
def test_impossible_queues(changes: dict[str, int]) -> None:
    with pytest.raises(QueueError):
        SplitQueue(GuestMemory(MEMORY), layout(**changes))


def test_interrupts_by_flag() -> None:
    driver = Driver()
    assert not driver.queue.wants_interrupt()
    driver.queue.push(0, 0)
    assert driver.queue.wants_interrupt()
    driver.memory.write(AVAILABLE, b"\1\0")
    driver.queue.push(0, 0)
    assert not driver.queue.wants_interrupt()


def test_interrupts_by_event_index() -> None:
    driver = Driver(event_index=True)
    driver.used_event(1)
    driver.queue.push(0, 0)
    assert not driver.queue.wants_interrupt()
    driver.queue.push(0, 0)
    assert driver.queue.wants_interrupt()
    driver.queue.push(0, 0)
    assert not driver.queue.wants_interrupt()


def test_notifications() -> None:
    driver = Driver()
    driver.queue.disable_notifications()
    assert driver.word(USED) == 1
    assert driver.queue.enable_notifications()
    assert driver.word(USED) == 0
    driver.offer(0)
    assert not driver.queue.enable_notifications()
    driver = Driver(event_index=True)
    driver.describe([(DATA, 4, 0, 0)])
    driver.offer(0)
    driver.pop()
    assert driver.queue.enable_notifications()
    assert driver.word(USED + 4 + 8 * SIZE) == 1


ADDRESSES = st.integers(0, 2**64 - 1) | st.integers(0, MEMORY + 16)
LENGTHS = st.integers(0, 2**32 - 1) | st.integers(0, 64) | st.just(32)
DESCRIPTORS = st.tuples(ADDRESSES, LENGTHS, st.integers(0, 15), st.integers(0, SIZE + 1))


@given(
    table=st.lists(DESCRIPTORS, min_size=SIZE, max_size=SIZE),
    inside=st.lists(DESCRIPTORS, max_size=SIZE),
    heads=st.lists(st.integers(0, SIZE), max_size=SIZE),
    index=st.none() | st.integers(0, 2**16 - 1),
    event_index=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_any_ring_gives_buffers_in_ram_or_an_error(
    table: list[Descriptor],
    inside: list[Descriptor],
    heads: list[int],
    index: int | None,
    event_index: bool,
) -> None:
    driver = Driver(event_index=event_index)
    driver.describe(table)
    driver.describe(inside, INDIRECT)
    driver.offer(*heads, index=index)
    served = 0
    try:
        while (chain := driver.queue.pop()) is not None:
            served += 1
            assert served <= SIZE
            assert len(chain.readable) + len(chain.writable) <= 1024
            assert sum(lengths([*chain.readable, *chain.writable])) <= 1024 * MEMORY
            driver.queue.push(chain.head, 0)
            driver.queue.wants_interrupt()
    except QueueError as error:
        assert str(error)


@given(
    st.binary(min_size=1, max_size=4096).map(lambda some: some * (MEMORY // len(some))),
    st.tuples(*[st.integers(0, MEMORY // 4).map(lambda place: 4 * place)] * 3),
    st.sampled_from([0, 1, 2, 8, 256, 32768]) | st.integers(0, 2**16 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_memory_gives_requests_or_an_error(
    content: bytes, places: tuple[int, int, int], size: int
) -> None:
    """The rings lie anywhere, over each other as well, and the device's own writes change what comes next."""
    memory = GuestMemory(MEMORY)
    memory.write(0, content)
    descriptors, available, used = places
    asked = layout(size=size, descriptors=descriptors, available=available, used=used)
    try:
        queue = SplitQueue(memory, asked)
        for _ in range(50):
            chain = queue.pop()
            if chain is None:
                return
            for buffer in chain.writable:
                buffer[:1] = b"x"
            queue.push(chain.head, 1)
            queue.enable_notifications()
    except QueueError as error:
        assert str(error)
