"""Packets of the socket device (virtio 1.2, 5.10.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError

HOST_CID: Final = 2
TYPE_STREAM: Final = 1
SHUTDOWN_RECEIVE: Final = 1
SHUTDOWN_SEND: Final = 2
MASK: Final = 0xFFFF_FFFF
MAX_PAYLOAD: Final = 64 << 10
"""What drivers send at most (Linux: VIRTIO_VSOCK_MAX_PKT_BUF_SIZE)."""

# src_cid, dst_cid, src_port, dst_port, len, type, op, flags, buf_alloc, fwd_cnt
_HEADER: Final = struct.Struct("<QQIIIHHIII")
HEADER_SIZE: Final = _HEADER.size


class Op(IntEnum):
    REQUEST = 1
    RESPONSE = 2
    RST = 3
    SHUTDOWN = 4
    RW = 5
    CREDIT_UPDATE = 6
    CREDIT_REQUEST = 7


@dataclass(frozen=True, slots=True)
class Packet:
    source_cid: int
    target_cid: int
    source_port: int
    target_port: int
    type: int
    op: int
    flags: int = 0
    buf_alloc: int = 0
    fwd_cnt: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        return (
            _HEADER.pack(
                self.source_cid,
                self.target_cid,
                self.source_port,
                self.target_port,
                len(self.payload),
                self.type,
                self.op,
                self.flags,
                self.buf_alloc,
                self.fwd_cnt,
            )
            + self.payload
        )


def decode(chain: Chain) -> Packet:
    """Raises QueueError for what is not even as long as it says."""
    head, rest = buffers.split(chain.readable, HEADER_SIZE)
    data = b"".join(head)
    if len(data) < HEADER_SIZE:
        raise QueueError(f"a packet of {len(data)} bytes")
    source_cid, target_cid, source, target, length, kind, op, flags, buf_alloc, fwd_cnt = _HEADER.unpack(data)
    payload = b""
    if op == Op.RW:
        if length > MAX_PAYLOAD:
            raise QueueError(f"a packet with {length} bytes of data")
        payload = b"".join(buffers.split(rest, length)[0])
        if len(payload) < length:
            raise QueueError(f"a packet with {len(payload)} bytes of data that says {length}")
    return Packet(source_cid, target_cid, source, target, kind, op, flags, buf_alloc, fwd_cnt, payload)
