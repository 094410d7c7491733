"""A disk's queue served by the engine, through the device's whole transport, without a guest."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.blk import device as blk
from kvmctl.vmm.devices.virtio.blk.accounting import Operation
from kvmctl.vmm.devices.virtio.blk.device import Block, ErrorAction, Settings
from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1
from kvmctl.vmm.devices.virtio.queue import DESC_INDIRECT, DESC_NEXT, DESC_WRITE
from kvmctl.vmm.diskfile import DiskFile
from kvmctl.vmm.throttle import Limit, Limits
from tests.vmm.virtio.bench import AVAILABLE, DATA, NEEDS_RESET, TABLE, USED, PciBench

SIZE = 1 << 20
QUEUE = 8
HEADERS = DATA
STATUSES = DATA + 0x100
BUFFERS = DATA + 0x1000
FEATURES = F_VERSION_1 | F_INDIRECT_DESC | blk.F_FLUSH

Descriptor = tuple[int, int, int, int]


class Disk(PciBench):
    """A driver with up to eight requests under way, each in an indirect table of its own."""

    def __init__(self, path: Path, wanted: Settings, features: int = FEATURES) -> None:
        self.errors: list[tuple[Operation, ErrorAction, int | None]] = []
        self.file = DiskFile(os.open(path, os.O_RDWR))
        self.block = Block(
            "disk",
            self.file,
            wanted,
            on_error=lambda operation, action, error: self.errors.append((operation, action, error.errno)),
            file=self.file,
        )
        super().__init__(self.block)  # type: ignore[arg-type]
        self.offered = 0
        self.features = features
        self.run()

    def run(self) -> None:
        self.negotiate(self.features)
        self.set_up_queue()
        self.write(20, 1, 15)

    def place(self, slot: int, descriptors: list[Descriptor]) -> None:
        table = TABLE + 0x100 + 0x80 * slot
        for index, descriptor in enumerate(descriptors):
            self.memory.write(table + 16 * index, struct.pack("<QIHH", *descriptor))
        size = 16 * len(descriptors)
        self.memory.write(TABLE + 16 * slot, struct.pack("<QIHH", table, size, DESC_INDIRECT, 0))
        self.memory.write(STATUSES + slot, b"\xff")

    def offer(self, *slots: int) -> None:
        for slot in slots:
            self.memory.write(AVAILABLE + 4 + 2 * (self.offered % QUEUE), struct.pack("<H", slot))
            self.offered += 1
        self.memory.write(AVAILABLE + 2, struct.pack("<H", self.offered & 0xFFFF))
        os.eventfd_write(self.core.queues[0].kick_fd, 1)

    def describe(self, slot: int, kind: int, sector: int, data: bytes | int) -> None:
        """`data`: what to write, or how much to read; the buffer comes in two parts."""
        self.memory.write(HEADERS + 16 * slot, struct.pack("<IIQ", kind, 0, sector))
        length = data if isinstance(data, int) else len(data)
        buffer, flags = BUFFERS + 0x1000 * slot, DESC_NEXT | (DESC_WRITE if kind == blk.T_IN else 0)
        parts = [(HEADERS + 16 * slot, 16, DESC_NEXT, 1)]
        if length:
            if isinstance(data, bytes):
                self.memory.write(buffer, data)
            parts += [(buffer, 8, flags, 2), (buffer + 8, length - 8, flags, 3)]
        self.place(slot, [*parts, (STATUSES + slot, 1, DESC_WRITE, 0)])

    @property
    def used(self) -> int:
        return int.from_bytes(self.memory.read(USED + 2, 2), "little")

    def lengths(self) -> dict[int, int]:
        """By head, of the first round of the used ring."""
        return dict(struct.iter_unpack("<II", self.memory.read(USED + 4, 8 * min(self.used, QUEUE))))

    def done(self, count: int) -> None:
        self.until(lambda: self.used == count)

    def status(self, slot: int = 0) -> int:  # type: ignore[override]
        return self.memory.read(STATUSES + slot, 1)[0]

    @property
    def broken(self) -> bool:
        return bool(self.read(20, 1) & NEEDS_RESET)

    def close(self) -> None:
        super().close()
        os.close(self.file.fd)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(b"x" * SIZE)
    return path


@pytest.fixture(params=[True, False], ids=["io_uring", "threads"])
def disk(path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    disk = Disk(path, Settings(asynchronous=request.param))
    engine = disk.block.engine(0)
    assert engine is not None
    if engine.asynchronous != request.param:
        pytest.skip("this host has no io_uring for us")
    yield disk
    disk.close()


def counted(disk: Disk, name: str) -> object:
    return disk.block.accounting.report()[name]


def test_plain_requests(disk: Disk, path: Path) -> None:
    disk.describe(0, blk.T_OUT, 16, b"y" * 1024)
    disk.offer(0)
    disk.done(1)
    disk.describe(1, blk.T_IN, 15, 2048)
    disk.describe(2, blk.T_FLUSH, 0, 0)
    disk.offer(1, 2)
    disk.done(3)
    assert [disk.status(slot) for slot in range(3)] == [blk.S_OK] * 3
    assert path.read_bytes()[16 * 512 : 18 * 512] == b"y" * 1024
    assert disk.memory.read(BUFFERS + 0x1000, 2048) == b"x" * 512 + b"y" * 1024 + b"x" * 512
    assert disk.lengths() == {0: 1, 1: 2049, 2: 1}
    expected = {"rd_bytes": 2048, "wr_bytes": 1024, "wr_highest_offset": 18 * 512, "flush_operations": 1}
    assert {name: counted(disk, name) for name in expected} == expected


def test_many_at_once(disk: Disk, path: Path) -> None:
    for turn in range(1, 6):
        for slot in range(QUEUE):
            disk.describe(
                slot,
                blk.T_OUT if slot % 2 else blk.T_IN,
                8 * slot,
                b"%04d" % turn * 1024 if slot % 2 else 4096,
            )
        disk.offer(*range(QUEUE))
        disk.done(QUEUE * turn)
        assert {disk.status(slot) for slot in range(QUEUE)} == {blk.S_OK}
    content = path.read_bytes()
    for slot in range(QUEUE):
        place = slice(4096 * slot, 4096 * (slot + 1))
        assert content[place] == (b"0005" * 1024 if slot % 2 else b"x" * 4096)
        assert disk.memory.read(BUFFERS + 0x1000 * slot, 4096) == content[place]


@pytest.mark.parametrize(
    ("kind", "sector", "data", "status"),
    [
        (blk.T_IN, SIZE // 512 - 1, 1024, blk.S_IOERR),
        (blk.T_IN, 2**64 - 1, 512, blk.S_IOERR),
        (blk.T_OUT, 2**55, b"y" * 512, blk.S_IOERR),
        (blk.T_IN, 0, 511, blk.S_IOERR),
        (blk.T_GET_ID, 0, 0, blk.S_IOERR),
        (99, 0, 0, blk.S_UNSUPP),
    ],
)
def test_what_is_refused(
    disk: Disk, path: Path, kind: int, sector: int, data: bytes | int, status: int
) -> None:
    disk.describe(0, kind, sector, data)
    disk.describe(1, blk.T_IN, 0, 512)
    disk.offer(0, 1)
    disk.done(2)
    assert (disk.status(0), disk.status(1)) == (status, blk.S_OK)
    assert path.read_bytes() == b"x" * SIZE


def test_any_layout_of_a_request(disk: Disk) -> None:
    """The header in two parts, and the status behind the data in one descriptor."""
    disk.memory.write(HEADERS, struct.pack("<IIQ", blk.T_IN, 0, 3))
    split = [(HEADERS, 5, DESC_NEXT, 1), (HEADERS + 5, 11, DESC_NEXT, 2), (BUFFERS, 513, DESC_WRITE, 0)]
    joined = [(HEADERS, 16, DESC_NEXT, 1), (BUFFERS + 0x1000, 513, DESC_WRITE, 0)]
    disk.place(0, split)
    disk.place(1, joined)
    disk.offer(0, 1)
    disk.done(2)
    assert disk.memory.read(BUFFERS, 513) == disk.memory.read(BUFFERS + 0x1000, 513) == b"x" * 512 + b"\0"
    assert [disk.lengths()[slot] for slot in (0, 1)] == [513, 513]


def test_no_request_at_all(disk: Disk) -> None:
    disk.place(0, [(HEADERS, 15, DESC_NEXT, 1), (STATUSES, 1, DESC_WRITE, 0)])
    disk.offer(0)
    disk.until(lambda: disk.broken)
    disk.offered = 0
    disk.memory.write(AVAILABLE, bytes(4))
    disk.run()
    disk.describe(0, blk.T_IN, 0, 512)
    disk.offer(0)
    disk.until(lambda: disk.status() == blk.S_OK)


def test_a_file_that_has_become_shorter(disk: Disk, path: Path) -> None:
    os.truncate(path, 4096)
    disk.describe(0, blk.T_IN, 8, 512)
    disk.describe(1, blk.T_IN, 0, 512)
    disk.offer(0, 1)
    disk.done(2)
    assert (disk.status(0), disk.status(1)) == (blk.S_IOERR, blk.S_OK)
    assert disk.errors == [(Operation.READ, ErrorAction.REPORT, errno.EIO)]
    assert counted(disk, "failed_rd_operations") == 1


def test_what_stops_the_machine_is_done_later(path: Path) -> None:
    wanted = Settings(policy=blk.Policy(on_read=ErrorAction.STOP))
    disk = Disk(path, wanted)
    os.truncate(path, 4096)
    disk.describe(0, blk.T_IN, 8, 512)
    disk.describe(1, blk.T_IN, 16, 512)
    disk.offer(0, 1)
    disk.until(lambda: bool(disk.errors))
    disk.transport.pause()
    assert disk.used == 0
    os.truncate(path, SIZE)
    disk.transport.resume()
    disk.done(2)
    assert (disk.status(0), disk.status(1)) == (blk.S_OK, blk.S_OK)
    assert disk.memory.read(BUFFERS, 512) == bytes(512)
    disk.close()


def test_pauses_lose_nothing(disk: Disk) -> None:
    for slot in range(QUEUE):
        disk.describe(slot, blk.T_IN, 8 * slot, 4096)
    for _ in range(20):
        disk.offer(*range(QUEUE))
        disk.transport.pause()
        used = disk.used
        time.sleep(0.001)
        assert disk.used == used
        disk.transport.resume()
        disk.done(disk.offered)
    assert not disk.broken


def test_limits_and_sizes_that_change(disk: Disk) -> None:
    disk.block.throttle.set(Limits({("total", "iops"): Limit(10)}))
    disk.describe(0, blk.T_IN, 0, 512)
    begin = time.monotonic()
    for count in range(1, 5):
        disk.offer(0)
        disk.done(count)
    assert time.monotonic() - begin > 0.15
    disk.block.throttle.set(Limits())
    disk.block.resize(2 * SIZE)
    disk.describe(0, blk.T_IN, 2 * SIZE // 512 - 1, 512)
    disk.offer(0)
    disk.done(5)
    assert disk.status() == blk.S_OK
    assert counted(disk, "rd_operations") == 5


RANDOM = st.tuples(
    st.integers(0, 0x10010) | st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 8, 15, 16, 17, 512, 513, 4096]) | st.integers(0, 2**32 - 1),
    st.integers(0, 7),
    st.integers(0, QUEUE),
)


@given(
    table=st.lists(RANDOM, min_size=QUEUE, max_size=QUEUE),
    inside=st.lists(RANDOM, max_size=QUEUE),
    header=st.tuples(st.sampled_from([0, 1, 4, 8, 13]), st.integers(0, 2**64 - 1) | st.integers(0, 64)),
    heads=st.lists(st.integers(0, QUEUE), max_size=QUEUE),
    ring=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_any_ring_is_survived(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[Descriptor],
    inside: list[Descriptor],
    header: tuple[int, int],
    heads: list[int],
    ring: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(b"x" * 65536)
    disk = Disk(path, Settings(asynchronous=ring), FEATURES | F_EVENT_IDX)
    for place, descriptors in ((TABLE, table), (TABLE + 0x100, inside)):
        for index, descriptor in enumerate(descriptors):
            disk.memory.write(place + 16 * index, struct.pack("<QIHH", *descriptor))
    disk.memory.write(HEADERS, struct.pack("<IIQ", header[0], 0, header[1]))
    disk.offer(*heads)
    disk.until(lambda: disk.broken or disk.used == len(heads) or len(set(heads)) < len(heads))
    disk.close()
    assert path.stat().st_size == 65536
