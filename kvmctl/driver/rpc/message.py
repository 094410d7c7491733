"""Framing of libvirt's RPC (libvirt, docs/kbase/internals/rpc.rst and src/rpc/virnetprotocol.x)."""

from __future__ import annotations

import struct as packing
from enum import IntEnum
from typing import Final

from kvmctl.driver.rpc.types.base import Int, UInt
from kvmctl.driver.rpc.xdr import XdrError, struct

REMOTE_PROGRAM: Final = 0x20008086
REMOTE_VERSION: Final = 1
KEEPALIVE_PROGRAM: Final = 0x6B656570
KEEPALIVE_VERSION: Final = 1
KEEPALIVE_PING: Final = 1
KEEPALIVE_PONG: Final = 2

LENGTH_SIZE: Final = 4
HEADER_SIZE: Final = 24
MESSAGE_MAX: Final = 33554432  # without the length word
MESSAGE_INITIAL_MAX: Final = 65536  # what a client may send before it has opened its connection
STREAM_CHUNK: Final = 262120  # what every libvirt since 0.9 takes in one stream packet


class MessageType(IntEnum):
    CALL = 0
    REPLY = 1
    EVENT = 2
    STREAM = 3
    CALL_WITH_FDS = 4
    REPLY_WITH_FDS = 5
    STREAM_HOLE = 6


class Status(IntEnum):
    OK = 0
    ERROR = 1
    CONTINUE = 2


@struct
class Header:
    program: UInt
    version: UInt
    procedure: Int
    type: MessageType
    serial: UInt
    status: Status


_HEADER: Final = packing.Struct(">IIiIII")
"""The same as XDR writes it, at a fraction of the cost: every message has one."""


def read_header(data: bytes) -> Header:
    """From exactly HEADER_SIZE bytes. Raises XdrError for a type or a status that there is not."""
    program, version, procedure, kind, serial, status = _HEADER.unpack(data)
    try:
        return Header(program, version, procedure, MessageType(kind), serial, Status(status))
    except ValueError as error:
        raise XdrError(str(error)) from None


def frame(header: Header, payload: bytes | memoryview = b"") -> bytes:
    """One message as it goes over the socket; the length word counts itself."""
    length = LENGTH_SIZE + HEADER_SIZE + len(payload)
    packed = _HEADER.pack(
        header.program, header.version, header.procedure, header.type, header.serial, header.status
    )
    return b"".join((length.to_bytes(4, "big"), packed, payload))
