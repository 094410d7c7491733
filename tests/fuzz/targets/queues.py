"""Virtqueues in arbitrary memory: the queue itself, and every device's answer to what is taken out of it."""

from __future__ import annotations

import contextlib
import struct
from typing import cast

from kvmctl.vmm.devices.virtio.balloon import STATS, Balloon
from kvmctl.vmm.devices.virtio.console import CONTROL_RECEIVE, Console
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, Stopped, VirtioDevice
from kvmctl.vmm.devices.virtio.net.device import Network
from kvmctl.vmm.devices.virtio.queue import QueueError, QueueLayout, SplitQueue
from kvmctl.vmm.devices.virtio.vsock import EVENT, RECEIVE, Vsock
from tests.fuzz.board import Board
from tests.fuzz.target import Run, Target

_HEAD = struct.Struct("<BBBBHHHH")
"""Device, queue, flags, size's exponent, then the rings' places and the host's input."""
_EVENT_INDEX, _INDIRECT, _IN_ORDER, _NO_FEATURES, _HOST_INPUT = 1, 2, 4, 8, 16
_MOST_REQUESTS = 64
_REQUESTS = 12
_TABLE, _AVAILABLE, _USED, _DATA = 0, 0x400, 0x600, 0x800


def _waits(device: object, queue: int) -> bool:
    """Whether a request there would wait for the host."""
    match device:
        case Console():
            if queue == CONTROL_RECEIVE:
                return not device._messages
            port = device._ports.get(0 if queue < CONTROL_RECEIVE else queue // 2 - 1)
            return queue % 2 == 0 and not (port is not None and port.input)
        case Vsock():
            return queue == EVENT or (queue == RECEIVE and not device._answers)
        case Network():
            return queue % 2 == 0 and queue != device.control_queue
        case Balloon():
            return queue == STATS
    return False


class _Bench:
    def __init__(self) -> None:
        self.board = Board("pc")
        self.cores: list[VirtioCore] = self.board.cores

    def run(self, data: bytes) -> int:
        fields = _HEAD.unpack_from(data.ljust(_HEAD.size, b"\0"))
        index, queue, flags, exponent, table, available, used, host = fields
        image = data[_HEAD.size :]
        core = self.cores[index % len(self.cores)]
        device = cast(VirtioDevice, core.device)
        queue %= len(core.queues)
        if flags & _IN_ORDER:
            table, available, used = _TABLE, _AVAILABLE, _USED
        self.board.memory.write(0, image[: self.board.memory.size])
        features = F_VERSION_1 if flags & _NO_FEATURES else core.features
        device.start(features | F_EVENT_IDX | F_INDIRECT_DESC)
        try:
            if flags & _HOST_INPUT:
                self._host(host)
            layout = QueueLayout(
                size=1 << exponent % 9 if flags & _IN_ORDER else exponent,
                descriptors=table,
                available=available,
                used=used,
                event_index=bool(flags & _EVENT_INDEX),
                indirect=bool(flags & _INDIRECT),
            )
            return self._serve(device, queue, SplitQueue(self.board.memory, layout))
        finally:
            device.stop()
            if hasattr(device, "reset"):
                device.reset()
            self.board.memory.clear()
            self.board.drain()

    def _serve(self, device: VirtioDevice, queue: int, ring: SplitQueue) -> int:
        done = 0
        for _ in range(_MOST_REQUESTS):
            ring.disable_notifications()
            chain = ring.pop()
            if chain is None:
                ring.enable_notifications()
                break
            room = sum(map(len, chain.writable))
            done += 1
            if _waits(device, queue):
                device.stop()
            try:
                written = device.process(queue, chain)
            except (QueueError, Stopped):
                break
            assert 0 <= written <= room, f"{written} bytes written into {room}"
            ring.push(chain.head, written, chain.joined)
            ring.wants_interrupt()
        return max(done, 1)

    def _host(self, number: int) -> None:
        wires = list(self.board.wires.values())
        wires[number % len(wires)].read()
        wires[number % len(wires)].type(b"input" * (number % 7 + 1))
        frame = bytes(14) + b"\x08\0" * (number % 800)
        for name, link in self.board.links.items():
            whole = frame if name == "net0" else len(frame).to_bytes(4, "big") + frame
            link.send(bytes(12) + frame if name == "net0" else whole)


def _prepare() -> Run:
    bench = _Bench()
    for index in range(len(bench.cores)):
        with contextlib.suppress(QueueError, Stopped):
            bench.run(bytes([index]))
    return bench.run


def _image(parts: list[tuple[int, int, int, int]], contents: bytes) -> bytes:
    """A table, an available ring with the first chain again and again, an empty used ring, and data."""
    table = b"".join(struct.pack("<QIHH", *part) for part in parts)
    image = table.ljust(_AVAILABLE, b"\0") + struct.pack("<HH", 0, _REQUESTS)
    return image.ljust(_DATA, b"\0") + contents


def _seeds() -> list[bytes]:
    seeds = []
    contents = [
        bytes(64),
        struct.pack("<IIQ", 1, 0, 8).ljust(64, b"x"),
        struct.pack("<QQIIHHI", 3, 2, 5, 6, 20, 1, 1),
    ]
    requests = [
        [(_DATA, 16, 1, 1), (_DATA + 0x40, 512, 3, 2), (_DATA + 0x800, 1, 2, 0)],
        [(_DATA, 64, 1, 1), (_DATA + 0x40, 1600, 2, 0)],
        [(_DATA, 44, 0, 0)],
        [(_DATA + 0x40, 2000, 2, 0)],
        [(0x100, 48, 4, 0)],
    ]
    for device in range(8):
        for queue in range(3):
            for number, parts in enumerate(requests):
                head = _HEAD.pack(device, queue, 0x1F & ~_NO_FEATURES, 4, 0, 0, 0, number)
                seeds.append(head + _image(parts, contents[number % len(contents)]))
    return seeds


TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=1000,
    refusals=(QueueError, Stopped),
    dictionary=(
        *(
            number.to_bytes(8, "little")
            for number in (_DATA, 0xFFF8, 0x10_0000 - 16, 0xFFFF_FFFF_FFFF_F000, 1 << 40)
        ),
        *(struct.pack("<HH", flags, following) for flags in range(8) for following in (0, 1)),
        *(number.to_bytes(4, "little") for number in (0xFFFF_FFFF, 0x8000_0000, 0x10_0000, 0x1000)),
    ),
    longest=0x1400,
    memory=192 << 20,
)
