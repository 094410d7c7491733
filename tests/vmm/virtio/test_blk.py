"""The block device's requests on a file of the host, without a guest."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmctl.vmm.devices.virtio.blk import device as blk
from kvmctl.vmm.devices.virtio.blk.accounting import Operation
from kvmctl.vmm.devices.virtio.blk.device import Block, ErrorAction, Policy, Settings
from kvmctl.vmm.devices.virtio.device import F_VERSION_1, Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.diskfile import DiskFile

SIZE = 1 << 20
FULL = os.strerror(errno.ENOSPC)


def request(block: Block, kind: int, sector: int = 0, data: bytes = b"", room: int = 0) -> tuple[int, bytes]:
    """The status and what was read."""
    header = struct.pack("<IIQ", kind, 0, sector)
    answer = bytearray(room + 1)
    answer[-1] = 0xFF
    # The status byte lies alone, and the header in two pieces, as a driver may have it.
    chain = Chain(
        0,
        [memoryview(header[:5]), memoryview(header[5:]), memoryview(data)],
        [memoryview(answer)[:room], memoryview(answer)[room:]],
    )
    block.process(0, chain)
    return answer[-1], bytes(answer[:-1])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(b"x" * SIZE)
    return path


@pytest.fixture
def storage(image: Path) -> Iterator[DiskFile]:
    fd = os.open(image, os.O_RDWR)
    yield DiskFile(fd)
    os.close(fd)


def holes(path: Path) -> int:
    """Bytes of the file that take no room."""
    os.sync()
    return path.stat().st_size - path.stat().st_blocks * 512


def ranges(*parts: tuple[int, int, int]) -> bytes:
    return b"".join(struct.pack("<QII", *part) for part in parts)


def test_discard_punches_holes(image: Path, storage: DiskFile) -> None:
    block = Block("disk", storage)
    assert block.features & blk.F_DISCARD
    before = holes(image)
    status, _ = request(block, blk.T_DISCARD, data=ranges((8, 16, 0), (1024, 512, 0)))
    assert status == blk.S_OK
    assert holes(image) - before == (16 + 512) * 512
    content = image.read_bytes()
    assert content[8 * 512 : 24 * 512] == bytes(16 * 512)
    assert content[24 * 512 : 1024 * 512] == b"x" * (1000 * 512)
    assert len(content) == SIZE


def test_discard_that_the_domain_ignores(image: Path, storage: DiskFile) -> None:
    block = Block("disk", storage, Settings(discard=False))
    assert not block.features & blk.F_DISCARD
    assert request(block, blk.T_DISCARD, data=ranges((0, 8, 0)))[0] == blk.S_UNSUPP
    assert request(block, blk.T_WRITE_ZEROES, data=ranges((0, 8, 1)))[0] == blk.S_OK
    assert image.read_bytes()[:8192] == bytes(4096) + b"x" * 4096
    assert holes(image) == 0


@pytest.mark.parametrize("flags", [0, 1])
def test_write_zeroes(image: Path, storage: DiskFile, flags: int) -> None:
    block = Block("disk", storage)
    status, _ = request(block, blk.T_WRITE_ZEROES, data=ranges((3, 100, flags)))
    assert status == blk.S_OK
    assert image.read_bytes() == b"x" * 1536 + bytes(51200) + b"x" * (SIZE - 52736)
    assert bool(holes(image)) is bool(flags)


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        (blk.T_DISCARD, b"", blk.S_IOERR),
        (blk.T_DISCARD, bytes(15), blk.S_IOERR),
        (blk.T_DISCARD, ranges((0, 8, 1)), blk.S_UNSUPP),
        (blk.T_DISCARD, ranges((SIZE // 512, 1, 0)), blk.S_IOERR),
        (blk.T_DISCARD, ranges((2**63, 1, 0)), blk.S_IOERR),
        (blk.T_DISCARD, ranges((0, 8, 0), (SIZE // 512 - 1, 2, 0)), blk.S_IOERR),
        (blk.T_DISCARD, ranges((0, 2**32 - 1, 0)), blk.S_IOERR),
        (blk.T_DISCARD, ranges(*[(0, 1, 0)] * 17), blk.S_IOERR),
        (blk.T_WRITE_ZEROES, ranges((0, 8, 2)), blk.S_UNSUPP),
        (blk.T_OUT, bytes(511), blk.S_IOERR),
        (99, b"", blk.S_UNSUPP),
    ],
)
def test_requests_that_are_refused(
    image: Path, storage: DiskFile, kind: int, data: bytes, status: int
) -> None:
    assert request(Block("disk", storage), kind, data=data)[0] == status
    assert image.read_bytes() == b"x" * SIZE


def test_what_is_no_request(storage: DiskFile) -> None:
    block = Block("disk", storage)
    with pytest.raises(QueueError):
        block.process(0, Chain(0, [memoryview(bytes(15))], [memoryview(bytearray(1))]))
    with pytest.raises(QueueError):
        block.process(0, Chain(0, [memoryview(bytes(16))], []))


def test_detected_zeroes_take_no_room(image: Path, storage: DiskFile) -> None:
    block = Block("disk", storage, Settings(detect_zeroes="unmap"))
    assert request(block, blk.T_OUT, 16, bytes(65536))[0] == blk.S_OK
    assert request(block, blk.T_OUT, 512, bytes(4095) + b"1" + bytes(4096 * 3))[0] == blk.S_OK
    assert holes(image) == 65536
    assert image.read_bytes()[16 * 512 : 16 * 512 + 65536] == bytes(65536)


class Recorder:
    """A storage that says what was done with it, and fails when told to."""

    def __init__(self, writable: bool = True) -> None:
        self.size = SIZE
        self.writable = writable
        self.calls: list[str] = []
        self.error: OSError | None = None

    def _did(self, what: str) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append(what)

    def read(self, views: object, offset: int) -> None:
        self._did("read")

    def write(self, views: object, offset: int) -> None:
        self._did("write")

    def flush(self) -> None:
        self._did("flush")

    def discard(self, offset: int, length: int) -> None:
        self._did("discard")

    def write_zeroes(self, offset: int, length: int, *, unmap: bool) -> None:
        self._did("write_zeroes")

    def resize(self, size: int) -> None:
        self.size = size


FLUSH = F_VERSION_1 | blk.F_FLUSH


@pytest.mark.parametrize(
    ("settings", "features", "turn", "expected"),
    [
        (Settings(), FLUSH, None, ["write"]),
        (Settings(), F_VERSION_1, None, ["write", "flush"]),
        (Settings(writeback=False), FLUSH, None, ["write", "flush"]),
        (Settings(writeback=False), FLUSH | blk.F_CONFIG_WCE, b"\1", ["write"]),
        (Settings(), FLUSH | blk.F_CONFIG_WCE, b"\0", ["write", "flush"]),
        (Settings(), FLUSH, b"\0", ["write"]),
        (Settings(writeback=False, flush=False), FLUSH, None, ["write"]),
    ],
    ids=["writeback", "no flush", "writethrough", "turned on", "turned off", "not negotiated", "unsafe"],
)
def test_when_a_write_is_stable(
    settings: Settings, features: int, turn: bytes | None, expected: list[str]
) -> None:
    storage = Recorder()
    block = Block("disk", storage, settings)
    block.start(features)
    if turn is not None:
        block.configure(blk.WRITEBACK_AT, turn)
    assert request(block, blk.T_OUT, 0, bytes(512))[0] == blk.S_OK
    assert storage.calls == expected
    block.stop()
    block.reset()
    assert block.configuration()[blk.WRITEBACK_AT] == settings.writeback


def test_a_pause_does_not_change_the_cache() -> None:
    block = Block("disk", Recorder())
    block.start(FLUSH | blk.F_CONFIG_WCE)
    block.configure(30, b"\0\0\0\0")
    block.stop()
    block.start(FLUSH | blk.F_CONFIG_WCE)
    assert block.configuration()[blk.WRITEBACK_AT] == 0


def test_configuration() -> None:
    settings = Settings(queues=4, logical_block=4096, physical_block=16384)
    block = Block("disk", Recorder(), settings)
    assert block.features & blk.F_MQ
    assert block.queue_sizes == (blk.QUEUE_SIZE,) * 4
    content = block.configuration()
    assert struct.unpack_from("<Q", content)[0] == SIZE // 512
    assert struct.unpack_from("<IBBHI", content, 20) == (4096, 2, 0, 4, 0)
    assert struct.unpack_from("<H", content, 34)[0] == 4
    assert struct.unpack_from("<I", content, 44)[0] == 8  # discard_sector_alignment
    assert request(block, blk.T_IN, 0, room=512)[0] == blk.S_IOERR
    assert request(block, blk.T_IN, 1, room=4096)[0] == blk.S_IOERR
    assert request(block, blk.T_IN, 8, room=4096)[0] == blk.S_OK


def test_resize() -> None:
    block = Block("disk", Recorder())
    assert request(block, blk.T_IN, SIZE // 512, room=512)[0] == blk.S_IOERR
    block.resize(2 * SIZE)
    assert struct.unpack_from("<Q", block.configuration())[0] == 2 * SIZE // 512
    assert request(block, blk.T_IN, SIZE // 512, room=512)[0] == blk.S_OK


@pytest.mark.parametrize(
    ("policy", "kind", "number", "expected"),
    [
        (Policy(), blk.T_OUT, errno.EIO, blk.S_IOERR),
        (Policy(), blk.T_OUT, errno.ENOSPC, None),
        (Policy(), blk.T_IN, errno.EIO, blk.S_IOERR),
        (Policy(on_write=ErrorAction.IGNORE), blk.T_OUT, errno.EIO, blk.S_OK),
        (Policy(on_write=ErrorAction.STOP), blk.T_FLUSH, errno.EIO, None),
        (Policy(on_read=ErrorAction.STOP), blk.T_IN, errno.EIO, None),
        (Policy(on_read=ErrorAction.IGNORE), blk.T_IN, errno.EIO, blk.S_OK),
        (Policy(on_full=ErrorAction.REPORT), blk.T_OUT, errno.ENOSPC, blk.S_IOERR),
    ],
)
def test_error_policies(policy: Policy, kind: int, number: int, expected: int | None) -> None:
    """None: the request is kept, and the machine is asked to stop."""
    heard: list[tuple[Operation, ErrorAction, int | None]] = []
    storage = Recorder()
    storage.error = OSError(number, os.strerror(number))
    block = Block(
        "disk",
        storage,
        Settings(policy=policy),
        on_error=lambda operation, action, error: heard.append((operation, action, error.errno)),
    )
    data, room = (bytes(512), 0) if kind == blk.T_OUT else (b"", 512 if kind == blk.T_IN else 0)
    if expected is None:
        with pytest.raises(Stopped):
            request(block, kind, 0, data, room)
    else:
        assert request(block, kind, 0, data, room)[0] == expected
    assert len(heard) == 1
    assert heard[0][2] == number
    assert (heard[0][1] is ErrorAction.STOP) == (expected is None)


def test_accounting(storage: DiskFile) -> None:
    block = Block("disk", storage)
    request(block, blk.T_OUT, 4, bytes(1024))
    request(block, blk.T_OUT, 0, bytes(512))
    request(block, blk.T_IN, 0, room=4096)
    request(block, blk.T_FLUSH)
    request(block, blk.T_IN, SIZE // 512, room=512)
    report = block.accounting.report()
    expected = {
        "rd_bytes": 4096,
        "rd_operations": 1,
        "wr_bytes": 1536,
        "wr_operations": 2,
        "flush_operations": 1,
        "invalid_rd_operations": 1,
        "failed_rd_operations": 0,
        "wr_highest_offset": 6 * 512,
    }
    assert {name: report[name] for name in expected} == expected
    assert all(report[f"{name}_total_time_ns"] for name in ("rd", "wr", "flush"))


@pytest.fixture
def loop_device(image: Path) -> Iterator[Callable[[int], Path]]:
    """A block device of the host on the image."""
    made: list[str] = []

    def create(sector: int) -> Path:
        command = ["losetup", "--find", "--show", f"--sector-size={sector}", image]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"this host lets us make no loop device: {error}")
        made.append(done.stdout.strip())
        return Path(made[-1])

    yield create
    for name in made:
        subprocess.run(["losetup", "--detach", name], check=True)


def test_a_block_device_of_the_host(loop_device: Callable[[int], Path], image: Path) -> None:
    fd = os.open(loop_device(512), os.O_RDWR)
    try:
        disk = DiskFile(fd)
        block = Block("disk", disk)
        assert disk.size == SIZE
        assert request(block, blk.T_OUT, 8, b"y" * 4096)[0] == blk.S_OK
        assert request(block, blk.T_DISCARD, data=ranges((128, 1024, 0)))[0] == blk.S_OK
        assert request(block, blk.T_WRITE_ZEROES, data=ranges((16, 8, 0)))[0] == blk.S_OK
        assert request(block, blk.T_FLUSH)[0] == blk.S_OK
        assert request(block, blk.T_IN, 128, room=512)[1] == bytes(512)
        with pytest.raises(OSError, match="Invalid argument"):
            block.resize(2 * SIZE)
    finally:
        os.close(fd)
    content = image.read_bytes()
    assert content[4096:12288] == b"y" * 4096 + bytes(4096)
    assert content[128 * 512 : 1152 * 512] == bytes(1024 * 512)


@pytest.mark.parametrize("sector", [512, 4096])
def test_o_direct_with_what_is_not_aligned(
    loop_device: Callable[[int], Path], image: Path, sector: int
) -> None:
    fd = os.open(loop_device(sector), os.O_RDWR | os.O_DIRECT)
    try:
        disk = DiskFile(fd)
        assert disk.direct
        block = Block("disk", disk)
        # Neither the address nor, with large sectors, the length and the place are what the device wants.
        assert request(block, blk.T_OUT, 1, b"abc" + bytes(509) + b"z" * 1024)[0] == blk.S_OK
        assert request(block, blk.T_IN, 0, room=2560)[1] == (
            b"x" * 512 + b"abc" + bytes(509) + b"z" * 1024 + b"x" * 512
        )
    finally:
        os.close(fd)
    content = image.read_bytes()
    assert content == b"x" * 512 + b"abc" + bytes(509) + b"z" * 1024 + b"x" * (SIZE - 2048)
