"""The block device (virtio 1.2, 5.2) on a raw file or block device of the host."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.diskfile import DiskFile

DEVICE_ID: Final = 2
QUEUE_SIZE: Final = 256
SECTOR: Final = 512

# Feature bits (5.2.3)
F_SEG_MAX: Final = 1 << 2
F_RO: Final = 1 << 5
F_BLK_SIZE: Final = 1 << 6
F_FLUSH: Final = 1 << 9
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
_CLASS_MASS_STORAGE: Final = 0x01_80_00

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


class _Refused(Exception):
    """A request that is answered with a status other than OK."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Block:
    """Answers the requests of one disk."""

    device_id = DEVICE_ID
    class_code = _CLASS_MASS_STORAGE

    def __init__(
        self, name: str, storage: Storage, *, serial: str = "", readonly: bool = False, discard: bool = True
    ) -> None:
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,)
        self._storage = storage
        self._serial = serial.encode()[:ID_SIZE]
        self._readonly = readonly or not storage.writable
        self._sectors = storage.size // SECTOR
        self._sync = False
        self._complained = False
        self.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH
        if self._readonly:
            self.features |= F_RO
        else:
            self.features |= F_WRITE_ZEROES | (F_DISCARD if discard else 0)
        self._handlers: Mapping[int, Callable[[int, list[memoryview], list[memoryview]], None]] = {
            T_IN: self._read,
            T_OUT: self._write,
            T_FLUSH: self._flush,
            T_GET_ID: self._get_id,
            T_DISCARD: self._discard,
            T_WRITE_ZEROES: self._write_zeroes,
        }

    def configuration(self) -> bytes:
        geometry = topology = (0, 0, 0)
        ranges = (_MAX_RANGE_SECTORS, _MAX_RANGES)
        return _CONFIG.pack(
            self._sectors,
            0,
            QUEUE_SIZE - 2,  # seg_max: the header and the status take a descriptor each
            *geometry,
            SECTOR,
            *topology,
            0,
            0,
            len(self.queue_sizes),
            *ranges,
            1,  # discard_sector_alignment
            *ranges,
            _UNMAP,
        )

    def start(self, features: int) -> None:
        # Without the flush command every write has to be stable when it completes (5.2.6.2).
        self._sync = not features & F_FLUSH

    def stop(self) -> None:
        """No request waits for anything but the host's file."""

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
        handler = self._handlers.get(kind)
        if handler is None:
            return S_UNSUPP
        try:
            handler(sector, data_in, data_out)
        except _Refused as refused:
            return refused.status
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.error("%s: request %d at sector %d: %s", self.name, kind, sector, error.strerror)
            return S_IOERR
        return S_OK

    def _place(self, sector: int, length: int) -> int:
        """The byte offset of `length` bytes from `sector` on."""
        if length % SECTOR or sector + length // SECTOR > self._sectors:
            raise _Refused(S_IOERR)
        return sector * SECTOR

    def _check_writable(self) -> None:
        if self._readonly:
            raise _Refused(S_IOERR)

    def _read(self, sector: int, data_in: list[memoryview], _out: list[memoryview]) -> None:
        self._storage.read(data_in, self._place(sector, buffers.total(data_in)))

    def _write(self, sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        self._check_writable()
        self._storage.write(data_out, self._place(sector, buffers.total(data_out)))
        if self._sync:
            self._storage.flush()

    def _flush(self, _sector: int, _in: list[memoryview], _out: list[memoryview]) -> None:
        if not self._readonly:
            self._storage.flush()

    def _get_id(self, _sector: int, data_in: list[memoryview], _out: list[memoryview]) -> None:
        if buffers.total(data_in) < ID_SIZE:
            raise _Refused(S_IOERR)
        buffers.scatter(data_in, self._serial.ljust(ID_SIZE, b"\0"))

    def _discard(self, _sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        for offset, length, flags in self._ranges(data_out):
            if flags:
                raise _Refused(S_UNSUPP)  # 5.2.6.2: unmap is for write zeroes only
            self._storage.discard(offset, length)

    def _write_zeroes(self, _sector: int, _in: list[memoryview], data_out: list[memoryview]) -> None:
        for offset, length, flags in self._ranges(data_out):
            if flags & ~_UNMAP:
                raise _Refused(S_UNSUPP)
            self._storage.write_zeroes(offset, length, unmap=bool(flags & _UNMAP))
        if self._sync:
            self._storage.flush()

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


def attach(platform: Platform) -> list[Device]:
    """A PCI function for every <disk> of the domain."""
    disks: list[Device] = []
    for disk in platform.domain.devices.disks:
        name = disk.alias or ""
        device = Block(
            name,
            DiskFile(platform.descriptor(name)),
            serial=disk.serial or "",
            readonly=disk.is_readonly,
            discard=disk.discard != "ignore",
        )
        disks.append(plug(device, platform))
    return disks
