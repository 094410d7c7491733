"""Registers of every device on the board, of both kinds of machine, with the queues' threads at work."""

from __future__ import annotations

import threading

from tests.fuzz.board import Board
from tests.fuzz.registers import OPERATION, Registers, pack
from tests.fuzz.target import Run, Target

_BYTES, _WORDS, _LONGS, _QUADS = 0x00, 0x10, 0x20, 0x30
_PORT_READ, _PORT_WRITE, _MEMORY_READ, _MEMORY_WRITE, _CONFIG_READ, _CONFIG_WRITE = 0, 1, 3, 4, 6, 7
_DEVICE, _UP, _FILL, _OFFER, _HOST, _COMMAND, _LIFE = 8, 9, 10, 11, 13, 14, 15


class _Deaths:
    """Threads that end by an exception."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        threading.excepthook = self._note

    def _note(self, arguments: threading.ExceptHookArgs) -> None:
        self.error = arguments.exc_value

    def check(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error


def _prepare() -> Run:
    deaths = _Deaths()
    boards = [Registers(Board("pc")), Registers(Board("microvm"))]
    for board in boards:
        for kind in range(16):  # what is opened once is opened now
            board.run(pack(kind, 1, 0, 0))

    def run(data: bytes) -> int:
        """The first byte says which machine."""
        count = boards[data[0] & 1 if data else 0].run(data[1:])
        deaths.check()
        return count

    return run


def _seeds() -> list[bytes]:
    sweep = b"".join(
        pack(kind | size, place, offset, 0xA5A5_5A5A_0F0F_F0F0 * (kind & 1))
        for kind in (_PORT_READ, _PORT_WRITE)
        for size in (_BYTES, _WORDS, _LONGS)
        for place in range(10)
        for offset in range(3)
    )
    memory = b"".join(
        pack(kind | size, place, offset, 0xFFFF_0001)
        for kind in (_MEMORY_READ, _MEMORY_WRITE)
        for size in (_BYTES, _WORDS, _LONGS, _QUADS)
        for place in range(9)
        for offset in (0, 20, 0x100)
    )
    config = b"".join(
        pack(_CONFIG_READ | _LONGS, place, offset, 0)
        + pack(_CONFIG_WRITE | _LONGS, place, offset, 0xFFFF_FFFF)
        for place in range(11)
        for offset in (4, 0x10, 0x34, 0x42)
    )
    devices = [
        pack(_UP, device, 0, features)
        + b"".join(
            pack(_OFFER, device, 0x3230 | queue | parts, value)
            for queue in range(6)
            for parts in (0x0000, 0x1020)
            for value in (0, 1, 8)
        )
        + b"".join(pack(_HOST, what, where, 0x2152_4345_4E4E_4F43) for what in range(4) for where in range(4))
        + b"".join(pack(_DEVICE | _LONGS, device, offset, 7) for offset in (0, 8, 16))
        + b"".join(pack(_COMMAND, command, 0, 1 << 18) for command in range(7))
        + b"".join(pack(_LIFE, what, 0, 0) for what in (1, 2, 3))
        + pack(_OFFER, device, 0x3230, 0)
        for device in range(8)
        for features in (0, (1 << 64) - 1)
    ]
    broken = pack(_UP, 0, 0, 0) + pack(_FILL | _QUADS, 0, 0, 1 << 40) + pack(_OFFER, 0, 0x33F0, 0)
    return [
        machine + each for machine in (b"\0", b"\1") for each in (sweep, memory, config, *devices, broken)
    ]


TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=200,
    longest=1 + 300 * OPERATION.size,
    memory=192 << 20,
)
