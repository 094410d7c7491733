"""Frames of libvirt's RPC as a client sends them, good ones and others."""

from __future__ import annotations

import random
from typing import Final

from kvmctl.driver.rpc.message import (
    HEADER_SIZE,
    KEEPALIVE_PROGRAM,
    LENGTH_SIZE,
    REMOTE_PROGRAM,
    REMOTE_VERSION,
    Header,
    MessageType,
    Status,
    frame,
)
from kvmctl.driver.rpc.procedures import Kind, Procedure
from kvmctl.driver.rpc.xdr import encode
from tests.fuzz.mutate import Mutator
from tests.fuzz.xdrvalues import Values

_CALLS: Final = [procedure for procedure in Procedure if procedure.kind is not Kind.EVENT]
_MOST_FRAMES: Final = 40


def call(procedure: Procedure, arguments: object | None = None, serial: int = 1) -> bytes:
    header = Header(REMOTE_PROGRAM, REMOTE_VERSION, procedure, MessageType.CALL, serial, Status.OK)
    return frame(header, b"" if arguments is None else encode(arguments))


def split(stream: bytes) -> list[bytes]:
    """As far as their lengths make sense; the rest is one piece."""
    frames = []
    position = 0
    while position < len(stream):
        length = int.from_bytes(stream[position : position + LENGTH_SIZE], "big")
        if not LENGTH_SIZE <= length <= len(stream) - position:
            length = len(stream) - position
        frames.append(stream[position : position + length])
        position += length
    return frames


class FrameMutator:
    """An input is a byte of options, then frames."""

    def __init__(self, values: Values, procedures: list[Procedure], words: list[bytes], longest: int) -> None:
        self._values = values
        self._procedures = procedures
        self._bytes = Mutator(words, words, longest)

    def __call__(self, data: bytes, rng: random.Random) -> bytes:
        head, frames = data[:1] or b"\0", split(data[1:])
        for _ in range(rng.randint(1, 4)):
            at = rng.randint(0, len(frames))
            match rng.randrange(10):
                case 0:
                    head = rng.randbytes(1)
                case 1 | 2 | 3 | 4:
                    frames.insert(at, self._call(rng))
                case 5:
                    frames.insert(at, self._stream(rng))
                case 6:
                    frames[at : at + 1] = []
                case 7 if frames:
                    frames.insert(at, rng.choice(frames))
                case 8 if frames:
                    frames[at % len(frames)] = self._payload(frames[at % len(frames)], rng)
                case 9 if frames:
                    frames[at % len(frames)] = self._bytes(frames[at % len(frames)], rng)
        return head + b"".join(frames[:_MOST_FRAMES])

    def _call(self, rng: random.Random) -> bytes:
        procedure = rng.choice(self._procedures if rng.randrange(4) else _CALLS)
        kind = procedure.arguments
        return call(procedure, None if kind is None else self._values.of(kind, rng), rng.randrange(4))

    def _stream(self, rng: random.Random) -> bytes:
        program = rng.choice((REMOTE_PROGRAM, REMOTE_PROGRAM, KEEPALIVE_PROGRAM))
        procedure = rng.choice((Procedure.DOMAIN_OPEN_CONSOLE, Procedure.DOMAIN_OPEN_CONSOLE, 1, 2))
        kind = rng.choice((MessageType.STREAM, MessageType.STREAM, *MessageType))
        header = Header(program, REMOTE_VERSION, procedure, kind, rng.randrange(4), rng.choice(list(Status)))
        return frame(header, rng.choice((b"", b"data", b"!", rng.randbytes(64))))

    def _payload(self, whole: bytes, rng: random.Random) -> bytes:
        """Other contents under the same header, with a length that is right."""
        start = LENGTH_SIZE + HEADER_SIZE
        payload = self._bytes(whole[start:], rng)
        return (start + len(payload)).to_bytes(LENGTH_SIZE, "big") + whole[LENGTH_SIZE:start] + payload
