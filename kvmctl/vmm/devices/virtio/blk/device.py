"""The block device (virtio 1.2, 5.2) on a raw file or block device of the host."""

from __future__ import annotations

import errno
import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final, Protocol

from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.blk.accounting import Accounting, Operation
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.engine.disk import DiskQueue, DiskRules
from kvmctl.vmm.throttle import Direction, Limits, Stop, Throttle

DEVICE_ID: Final = 2
QUEUE_SIZE: Final = 256
SECTOR: Final = 512

# Feature bits (5.2.3)
F_SEG_MAX: Final = 1 << 2
F_RO: Final = 1 << 5
F_BLK_SIZE: Final = 1 << 6
F_FLUSH: Final = 1 << 9
F_TOPOLOGY: Final = 1 << 10
F_CONFIG_WCE: Final = 1 << 11
F_MQ: Final = 1 << 12
F_DISCARD: Final = 1 << 13
F_WRITE_ZEROES: Final = 1 << 14

# Request types and results (5.2.6)
T_IN: Final = 0
T_OUT: Final = 1
T_FLUSH: Final = 4
T_GET_ID: Final = 8
T_DISCARD: Final = 11
T_WRITE_ZEROES: Final = 13
S_OK: Final = 0
S_IOERR: Final = 1
S_UNSUPP: Final = 2

ID_SIZE: Final = 20
_HEADER: Final = struct.Struct("<IIQ")
_RANGE: Final = struct.Struct("<QII")
_UNMAP: Final = 1
_MAX_RANGES: Final = 16
_MAX_RANGE_SECTORS: Final = 1 << 22
# struct virtio_blk_config (5.2.4) up to write_zeroes_may_unmap and its padding
_CONFIG: Final = struct.Struct("<Q I I HBB I BBHI B x H III II B 3x")
CONFIG_SIZE: Final = _CONFIG.size
WRITEBACK_AT: Final = 32
NUM_QUEUES_AT: Final = 34
CLASS_MASS_STORAGE: Final = 0x01_80_00

log = logging.getLogger(__name__)


class Storage(Protocol):
    """What holds a disk's bytes; any thread may call, and failures are OSError."""

    size: int
    writable: bool

    def read(self, views: Sequence[memoryview], offset: int) -> None: ...
    def write(self, views: Sequence[memoryview], offset: int) -> None: ...
    def flush(self) -> None: ...
    def discard(self, offset: int, length: int) -> None: ...
    def write_zeroes(self, offset: int, length: int, *, unmap: bool) -> None: ...
    def resize(self, size: int) -> None: ...


class FastFile(Protocol):
    """What the engine needs of a storage that is one file."""

    fd: int
    alignment: int
    direct: bool
    """Whether nothing of it is in the host's page cache."""


class ErrorAction(Enum):
    """What a failed request of the host's becomes (BlockdevOnError, qapi/block-core.json)."""

    REPORT = "report"
    IGNORE = "ignore"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Policy:
    """Answers to errors; `on_full` is the one to a write for which there is no room."""

    on_read: ErrorAction = ErrorAction.REPORT
    on_write: ErrorAction = ErrorAction.REPORT
    on_full: ErrorAction = ErrorAction.STOP


@dataclass(frozen=True, slots=True)
class Settings:
    """How the domain wants a disk."""

    serial: str = ""
    readonly: bool = False
    discard: bool = True
    detect_zeroes: str = "off"
    """off, on: write zeroes as such, unmap: give their room back."""
    writeback: bool = True
    """Whether what is written may wait for a flush."""
    flush: bool = True
    """False for cache='unsafe', which never waits for the host's disk."""
    queues: int = 1
    asynchronous: bool = True
    """Whether requests may overlap, by io_uring; false for io='threads'."""
    logical_block: int = SECTOR
    physical_block: int = SECTOR
    policy: Policy = Policy()


class _Refused(Exception):
    """A request that is answered with a status other than OK, and is the driver's mistake."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


_Handler = Callable[[int, list[memoryview], list[memoryview]], None]
ErrorListener = Callable[[Operation, ErrorAction, OSError], None]


def _nobody(_operation: Operation, _action: ErrorAction, _error: OSError) -> None:
    """For a disk whose errors end the requests only."""


class Block:
    """Answers the requests of one disk; each queue's thread carries out its own."""

    device_id = DEVICE_ID
    class_code = CLASS_MASS_STORAGE

    def __init__(
        self,
        name: str,
        storage: Storage,
        settings: Settings | None = None,
        *,
        throttle: Throttle | None = None,
        on_error: ErrorListener = _nobody,
        file: FastFile | None = None,
    ) -> None:
        """`on_error` hears of every failure of the host's, and stops the machine for ErrorAction.STOP.

        `file`: where plain requests may go past the storage.
        """
        self.name = name
        self.settings = settings = settings or Settings()
        self.storage = storage
        self.accounting = Accounting()
        self._throttle = throttle or Throttle(Limits())
        self.readonly = settings.readonly or not storage.writable
        self.writeback = settings.writeback
        """As the driver may change it."""
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,) * settings.queues
        self._rules = rules = DiskRules()
        rules.writable = not self.readonly
        rules.block = settings.logical_block
        rules.flushes = settings.flush
        rules.looks = settings.detect_zeroes != "off"
        self._limit = partial(setattr, rules, "limited")
        self._throttle.watch(self._limit)
        self._cached = file is None or not file.direct
        self._engines: list[DiskQueue] = []
        if file is not None:
            rules.alignment = file.alignment
            for size in self.queue_sizes:
                self._engines.append(DiskQueue(file.fd, rules, size, settings.asynchronous))
                self.accounting.include(self._engines[-1].counts)
        self._on_error = on_error
        self._sectors = rules.sectors = storage.size // SECTOR
        self._features = 0
        self._stopping = threading.Event()
        self._complained = False
        self.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE
        if settings.queues > 1:
            self.features |= F_MQ
        if self.readonly:
            self.features |= F_RO
        else:
            self.features |= F_WRITE_ZEROES | (F_DISCARD if settings.discard else 0)
        self._handlers: Mapping[int, tuple[_Handler, Operation | None]] = {
            T_IN: (self._read, Operation.READ),
            T_OUT: (self._write, Operation.WRITE),
            T_FLUSH: (self._flush, Operation.FLUSH),
            T_GET_ID: (self._get_id, None),
            T_DISCARD: (self._discard, Operation.UNMAP),
            T_WRITE_ZEROES: (self._write_zeroes, Operation.WRITE),
        }

    def configuration(self) -> bytes:
        geometry = (0, 0, 0)
        blocks = max(1, self.settings.physical_block // self.settings.logical_block)
        # physical_block_exp, alignment_offset, min_io_size in logical blocks, opt_io_size
        topology = (blocks.bit_length() - 1, 0, blocks, 0)
        ranges = (_MAX_RANGE_SECTORS, _MAX_RANGES)
        return _CONFIG.pack(
            self._sectors,
            0,
            QUEUE_SIZE - 2,  # seg_max: the header and the status take a descriptor each
            *geometry,
            self.settings.logical_block,
            *topology,
            self.writeback,
            len(self.queue_sizes),
            *ranges,
            self.settings.logical_block // SECTOR,  # discard_sector_alignment
            *ranges,
            _UNMAP,
        )

    def configure(self, offset: int, data: bytes) -> None:
        """The driver may turn the write cache on and off (5.2.5.1)."""
        at = WRITEBACK_AT - offset
        if 0 <= at < len(data) and self._features & F_CONFIG_WCE:
            self.writeback = bool(data[at])
            self._rules.stable = self._sync

    def resize(self, size: int) -> None:
        """Change the storage's size; the driver is to be told of the new configuration. Raises OSError."""
        self.storage.resize(size)
        self._sectors = self._rules.sectors = size // SECTOR

    def engine(self, queue: int) -> DiskQueue | None:
        """What carries out a queue's plain requests."""
        return self._engines[queue] if self._engines else None

    @property
    def throttle(self) -> Throttle:
        return self._throttle

    @throttle.setter
    def throttle(self, throttle: Throttle) -> None:
        self._throttle.unwatch(self._limit)
        self._throttle = throttle
        throttle.watch(self._limit)

    def start(self, features: int) -> None:
        self._features = features
        self._rules.stable = self._sync
        self._stopping.clear()

    def stop(self) -> None:
        self._stopping.set()

    def reset(self) -> None:
        self._features = 0
        self.writeback = self.settings.writeback

    @property
    def _sync(self) -> bool:
        """Whether a write has to be stable when it completes (5.2.6.2)."""
        return not self.writeback or not self._features & (F_FLUSH | F_CONFIG_WCE)

    def process(self, queue: int, chain: Chain) -> int:
        header, data_out = buffers.split(chain.readable, _HEADER.size)
        if buffers.total(header) < _HEADER.size:
            raise QueueError("a block request without a whole header")
        room = buffers.total(chain.writable)
        if room < 1:
            raise QueueError("a block request without a byte for its status")
        data_in, status = buffers.split(chain.writable, room - 1)
        kind, _, sector = _HEADER.unpack(b"".join(header))
        result = self._carry_out(kind, sector, data_in, data_out)
        buffers.scatter(status, bytes([result]))
        return room if result == S_OK and kind in (T_IN, T_GET_ID) else 1 if room == 1 else 0

    def _carry_out(
        self, kind: int, sector: int, data_in: list[memoryview], data_out: list[memoryview]
    ) -> int:
        if kind not in self._handlers:
            return S_UNSUPP
        handler, operation = self._handlers[kind]
        started = time.monotonic_ns()
        try:
            handler(sector, data_in, data_out)
        except _Refused as refused:
            if operation is not None:
                self.accounting.invalid(operation)
            return refused.status
        except OSError as error:
            return self._failed(operation or Operation.READ, sector, started, error)
        if operation is not None:
            size = buffers.total(data_in if kind == T_IN else data_out)
            end = sector * SECTOR + size if kind == T_OUT else 0
            self.accounting.done(operation, size, started, end)
        return S_OK

    def _failed(self, operation: Operation, sector: int, started: int, error: OSError) -> int:
        """What the policy makes of an error of the host's."""
        self.accounting.failed(operation, started)
        if not self._complained:
            self._complained = True
            log.error("%s: %s at sector %d: %s", self.name, operation.name.lower(), sector, error.strerror)
        policy = self.settings.policy
        if operation is Operation.READ:
            action = policy.on_read
        else:
            action = policy.on_full if error.errno == errno.ENOSPC else policy.on_write
        self._on_error(operation, action, error)
        if action is ErrorAction.STOP:
            raise Stopped
        return S_OK if action is ErrorAction.IGNORE else S_IOERR

    # requests

    def _place(self, sector: int, length: int) -> int:
        """The byte offset of `length` bytes from `sector` on."""
        offset = sector * SECTOR
        if offset % self.settings.logical_block or length % self.settings.logical_block:
            raise _Refused(S_IOERR)
        if sector + length // SECTOR > self._sectors:
            raise _Refused(S_IOERR)
        return offset

    def _check_writable(self) -> None:
        if self.readonly:
            raise _Refused(S_IOERR)

    def _wait(self, direction: Direction, size: int) -> None:
        """For the disk's limits."""
        try:
            self.throttle.pass_through(direction, size, self._stopping.wait)
        except Stop:
            raise Stopped from None

    def _read(self, sector: int, data_in: list[memoryview], _out: list[memoryview]) -> None:
        size = buffers.total(data_in)
        offset = self._place(sector, size)
        self._wait(Direction.READ, size)
        self.storage.read(data_in, offset)

    def _write(self, sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        self._check_writable()
        size = buffers.total(data_out)
        offset = self._place(sector, size)
        self._wait(Direction.WRITE, size)
        if self.settings.detect_zeroes != "off" and _all_zero(data_out):
            self.storage.write_zeroes(offset, size, unmap=self.settings.detect_zeroes == "unmap")
        else:
            self.storage.write(data_out, offset)
        if self._sync:
            self._make_stable()

    def _flush(self, _sector: int, _in: list[memoryview], _out: list[memoryview]) -> None:
        if not self.readonly:
            self._make_stable()

    def _make_stable(self) -> None:
        """What the host could not write it forgets (fsync(2), NOTES): a later success would not be true."""
        if not self.settings.flush:
            return
        if not self._rules.sync_error:
            try:
                self.storage.flush()
            except OSError as error:
                self._rules.sync_error = error.errno or errno.EIO
        number = self._rules.sync_error
        if number:
            if not self._cached:
                self._rules.sync_error = 0
            raise OSError(number, os.strerror(number))

    def _get_id(self, _sector: int, data_in: list[memoryview], _out: list[memoryview]) -> None:
        if buffers.total(data_in) < ID_SIZE:
            raise _Refused(S_IOERR)
        buffers.scatter(data_in, self.settings.serial.encode()[:ID_SIZE].ljust(ID_SIZE, b"\0"))

    def _discard(self, _sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        if not self.features & F_DISCARD:
            raise _Refused(S_UNSUPP)
        for offset, length, flags in self._ranges(data_out):
            if flags:
                raise _Refused(S_UNSUPP)  # 5.2.6.2: unmap is for write zeroes only
            self.storage.discard(offset, length)

    def _write_zeroes(self, _sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        for offset, length, flags in self._ranges(data_out):
            if flags & ~_UNMAP:
                raise _Refused(S_UNSUPP)
            self._wait(Direction.WRITE, length)
            unmap = bool(flags & _UNMAP) and self.settings.discard
            self.storage.write_zeroes(offset, length, unmap=unmap)
        if self._sync:
            self._make_stable()

    def _ranges(self, data_out: list[memoryview]) -> list[tuple[int, int, int]]:
        """Offset, length and flags of every range, all of them checked before the first is touched."""
        self._check_writable()
        size = buffers.total(data_out)
        if size == 0 or size % _RANGE.size or size > _RANGE.size * _MAX_RANGES:
            raise _Refused(S_IOERR)
        ranges = []
        for sector, sectors, flags in _RANGE.iter_unpack(b"".join(data_out)):
            if sectors > _MAX_RANGE_SECTORS:
                raise _Refused(S_IOERR)
            if sectors:
                ranges.append((self._place(sector, sectors * SECTOR), sectors * SECTOR, flags))
        return ranges


def _all_zero(views: Sequence[memoryview]) -> bool:
    return all(bytes(view).count(0) == len(view) for view in views)
