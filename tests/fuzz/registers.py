"""What a guest does to its devices, as a sequence of small operations, and what the host does meanwhile."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.pci import COMMAND, COMMAND_MASTER, COMMAND_MEMORY
from kvmctl.vmm.bus.pciconfig import ECAM_BASE
from kvmctl.vmm.devices.platform import Pausable
from kvmctl.vmm.devices.virtio import mmio, pci
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.device import F_VERSION_1
from kvmctl.vmm.qmp import QmpError
from tests.fuzz.board import MEMORY, Board

OPERATION: Final = struct.Struct("<BBHQ")
"""Kind and size of the access, place, offset, value."""
_SIZES: Final = (1, 2, 4, 8)
_RINGS: Final = 0x8000
"""Where the queues lie that `_bring_up` makes: a page of table, available and used ring for each."""
_RING: Final = 0x1000
_QUEUE: Final = 64
_AVAILABLE, _USED = 0x400, 0x600
_DATA: Final = 0x80000
_MOST_QUEUES: Final = (_DATA - _RINGS) // _RING
_ON: Final = COMMAND_MEMORY | COMMAND_MASTER
_READ_ONLY, _WRITE_ONLY, _NEXT = 0, 2, 1

pack = OPERATION.pack


class Registers:
    """Carries operations out on a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._bus = board.bus
        self._places = [*board.cores]
        self._available: dict[int, int] = {}
        self._clients: list[socket.socket] = []
        self._kinds: tuple[Callable[[int, int, int, int], None], ...] = (
            self._port_read,
            self._port_write,
            self._port_write,
            self._memory_read,
            self._memory_write,
            self._memory_write,
            self._config_read,
            self._config_write,
            self._device_write,
            self._bring_up,
            self._fill_memory,
            self._offer,
            self._offer,
            self._host,
            self._command,
            self._life,
        )

    def run(self, data: bytes) -> int:
        """How many operations there were."""
        self._available.clear()
        count = len(data) // OPERATION.size
        try:
            for kind, place, offset, value in OPERATION.iter_unpack(data[: count * OPERATION.size]):
                self._kinds[kind & 15](place, offset, _SIZES[kind >> 4 & 3], value)
        finally:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._board.reset()
            self._board.drain()
        return count

    # registers

    def _port(self, place: int, offset: int) -> int:
        """One that a device has, or is next to one; rarely any."""
        ranges = self._bus.ports._ranges
        if place == 0xFF:
            return offset
        start, end, _ = ranges[place % len(ranges)]
        return min(max(0, start - 1 + offset % (end - start + 4)), 0xFFFF)

    def _port_read(self, place: int, offset: int, size: int, value: int) -> None:
        _fits(self._bus.pio_read(self._port(place, offset), min(size, 4)), min(size, 4))

    def _port_write(self, place: int, offset: int, size: int, value: int) -> None:
        size = min(size, 4)
        port = 0xCF8 if place == 0xFE else self._port(place, offset)
        self._bus.pio_write(port, size, _cut(value, size))

    def _address(self, place: int, offset: int) -> int:
        ranges = self._bus.mmio._ranges
        if place == 0xFF or not ranges:
            return offset << 16
        start, end, _ = ranges[place % len(ranges)]
        return start + offset % (end - start + 8)

    def _memory_read(self, place: int, offset: int, size: int, value: int) -> None:
        _fits(self._bus.mmio_read(self._address(place, offset), size), size)

    def _memory_write(self, place: int, offset: int, size: int, value: int) -> None:
        self._bus.mmio_write(self._address(place, offset), size, _cut(value, size))

    def _config(self, place: int, offset: int) -> int:
        """Of the functions that are there, mostly; any offset of the 4 KiB that ECAM has for each."""
        return ECAM_BASE + (place % 16 << 15) + (offset & 0xFFF if place & 0x80 else offset & 0xFF)

    def _config_read(self, place: int, offset: int, size: int, value: int) -> None:
        size = min(size, 4)
        _fits(self._bus.mmio_read(self._config(place, offset), size), size)

    def _config_write(self, place: int, offset: int, size: int, value: int) -> None:
        size = min(size, 4)
        self._bus.mmio_write(self._config(place, offset), size, _cut(value, size))

    # virtio

    def _core(self, place: int) -> tuple[int, VirtioCore]:
        index = place % len(self._places)
        return index, self._places[index]

    def _base(self, index: int) -> int:
        """Where a device's registers are now; PCI's are switched on first."""
        if self._board.pci is None:
            return self._board.platform.slots.taken[index].address
        devfn = self._virtio_functions()[index]
        config = ECAM_BASE + (devfn << 12)
        self._bus.mmio_write(config + COMMAND, 2, _ON)
        return self._bus.mmio_read(config + 0x10 + 4 * pci.BAR, 4) & ~0xF

    def _virtio_functions(self) -> list[int]:
        bus = self._board.pci
        assert bus is not None
        return [devfn for devfn in range(256) if bus.read(devfn, 0, 2) == pci.VENDOR]

    def _device_write(self, place: int, offset: int, size: int, value: int) -> None:
        """The device's own configuration, by its transport."""
        index, _ = self._core(place)
        where = mmio.CONFIG if self._board.pci is None else pci.DEVICE
        address = self._base(index) + where + offset % 80
        self._bus.mmio_write(address, size, _cut(value, size))
        _fits(self._bus.mmio_read(address, size), size)

    def _bring_up(self, place: int, offset: int, size: int, value: int) -> None:
        """As a driver does; `value` leaves features out, `offset` queues."""
        index, core = self._core(place)
        base = self._base(index)
        features = core.features & ~value | F_VERSION_1
        first = self._first_ring(index)
        if self._board.pci is None:
            self._bring_up_mmio(base, core, features, first, offset)
        else:
            self._bring_up_pci(base, core, features, first, offset)
        for queue in range(len(core.queues)):
            self._available.pop(first + queue, None)

    def _bring_up_pci(self, base: int, core: VirtioCore, features: int, first: int, skip: int) -> None:
        write = self._bus.mmio_write
        for status in (0, 3):
            write(base + 20, 1, status)
        for half in range(2):
            write(base + 8, 4, half)
            write(base + 12, 4, features >> 32 * half & 0xFFFF_FFFF)
        write(base + 20, 1, 11)
        for queue in range(len(core.queues)):
            ring = _RINGS + (first + queue) * _RING
            write(base + 22, 2, queue)
            write(base + 24, 2, _QUEUE)
            for at, address in ((32, ring), (40, ring + _AVAILABLE), (48, ring + _USED)):
                write(base + at, 8, address)
            if not skip >> queue & 1:
                write(base + 28, 2, 1)
        write(base + 20, 1, 15)

    def _bring_up_mmio(self, base: int, core: VirtioCore, features: int, first: int, skip: int) -> None:
        def write(register: int, value: int) -> None:
            self._bus.mmio_write(base + register, 4, value)

        for status in (0, 3):
            write(mmio.STATUS, status)
        for half in range(2):
            write(mmio.DRIVER_FEATURES_SEL, half)
            write(mmio.DRIVER_FEATURES, features >> 32 * half & 0xFFFF_FFFF)
        write(mmio.STATUS, 11)
        for queue in range(len(core.queues)):
            ring = _RINGS + (first + queue) * _RING
            write(mmio.QUEUE_SEL, queue)
            write(mmio.QUEUE_NUM, _QUEUE)
            for at, address in (
                (mmio.QUEUE_DESC, ring),
                (mmio.QUEUE_DRIVER, ring + _AVAILABLE),
                (mmio.QUEUE_DEVICE, ring + _USED),
            ):
                write(at, address)
                write(at + 4, 0)
            if not skip >> queue & 1:
                write(mmio.QUEUE_READY, 1)
        write(mmio.STATUS, 15)

    def _first_ring(self, index: int) -> int:
        return sum(len(core.queues) for core in self._places[:index]) % (_MOST_QUEUES - 8)

    def _fill_memory(self, place: int, offset: int, size: int, value: int) -> None:
        """Rings, mostly, or the data of requests."""
        base = _DATA if place & 0x80 else _RINGS
        address = base + (place & 0x7F) * _RING + offset % _RING
        data = value.to_bytes(8, "little")[:size]
        if address + len(data) <= MEMORY:
            self._board.memory.write(address, data)

    def _offer(self, place: int, offset: int, size: int, value: int) -> None:
        """A request: a part to read that starts with `value`, a part to write, and the notification."""
        index, core = self._core(place)
        queue = offset % len(core.queues)
        ring = _RINGS + (self._first_ring(index) + queue) * _RING
        number = self._first_ring(index) + queue
        data = _DATA + number * 0x1000
        readable, writable = (offset >> 4 & 15) * 8, (offset >> 8 & 15) * 64
        memory = self._board.memory
        memory.write(data, value.to_bytes(8, "little"))
        parts = [(data, readable, _READ_ONLY), (data + 0x800, writable, _WRITE_ONLY)]
        if offset >> 12 & 1:
            parts.insert(1, (data + readable, 512, _READ_ONLY))
        if offset >> 13 & 1:
            parts.append((data + 0xC00, 1, _WRITE_ONLY))
        parts = [part for part in parts if part[1]]
        for at, (address, length, flags) in enumerate(parts):
            more = _NEXT if at + 1 < len(parts) else 0
            memory.write(ring + 16 * at, struct.pack("<QIHH", address, length, flags | more, at + 1))
        available = self._available.get(number, 0)
        memory.write(ring + _AVAILABLE + 4 + 2 * (available % _QUEUE), b"\0\0")
        available = available + 1 & 0xFFFF
        self._available[number] = available
        memory.write(ring + _AVAILABLE + 2, struct.pack("<H", available))
        base = self._base(index)
        if self._board.pci is None:
            self._bus.mmio_write(base + mmio.QUEUE_NOTIFY, 4, queue)
        else:
            self._bus.mmio_write(base + pci.NOTIFY + pci.NOTIFY_MULTIPLIER * queue, 2, queue)

    # the host

    def _host(self, place: int, offset: int, size: int, value: int) -> None:
        data = value.to_bytes(8, "little")
        board = self._board
        match place % 4:
            case 0:
                wire = list(board.wires.values())[offset % len(board.wires)]
                wire.read()
                with board.bus.lock:
                    wire.type(data * (1 + offset % 17))
            case 1:
                link = list(board.links.values())[offset % len(board.links)]
                frame = data * (1 + offset % 200)
                with contextlib.suppress(BlockingIOError):
                    if link.type == socket.SOCK_STREAM and not offset & 0x8000:
                        frame = len(frame).to_bytes(4, "big") + frame
                    link.send(frame)
                _drain(link)
            case 2:
                if board.timers:
                    with board.bus.lock:
                        board.timers[offset % len(board.timers)].fire()
            case 3 if len(self._clients) < 8:
                client = socket.socket(socket.AF_UNIX)
                client.setblocking(False)
                self._clients.append(client)
                with contextlib.suppress(BlockingIOError):
                    client.connect(str(board.vsock_path))
                    client.send(b"CONNECT %d\n" % (value & 0xFFFF) if offset & 1 else data)

    def _command(self, place: int, offset: int, size: int, value: int) -> None:
        """QMP, on the main thread."""
        commands = self._board.monitor.commands
        arguments: dict[str, object]
        name, arguments = (
            ("balloon", {"value": value}),
            ("balloon-stats-period", {"seconds": value}),
            ("set_link", {"name": f"net{offset % 3}", "up": bool(value & 1)}),
            ("query-balloon", {}),
            ("query-block", {}),
            ("query-blockstats", {}),
            ("query-balloon-stats", {}),
        )[place % 7]
        with contextlib.suppress(QmpError):
            commands[name](arguments)

    def _life(self, place: int, offset: int, size: int, value: int) -> None:
        pausable = [device for device in self._board.devices if isinstance(device, Pausable)]
        match place % 8:
            case 0:
                self._board.reset()
                self._available.clear()
            case 1:
                for device in pausable:
                    device.pause()
            case 2:
                for device in pausable:
                    device.resume()
            case _:
                os.sched_yield()


def _drain(link: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while link.recv(1 << 17):
            pass


def _fits(value: int, size: int) -> None:
    assert 0 <= value < 1 << 8 * size, f"{value:#x} in {size} bytes"


def _cut(value: int, size: int) -> int:
    return value & (1 << 8 * size) - 1
