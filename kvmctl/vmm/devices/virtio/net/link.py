"""What a network device sends its frames to: a TAP device, or passt's socket."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final, Protocol

from kvmctl.host import tap
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.net import features, header

_MOST_PIECES: Final = 1023
"""Of one writev(2), with the header's (IOV_MAX)."""
_PATIENCE_MS: Final = 1000
_TUN_OFFLOADS: Final = {
    features.GUEST_CSUM: tap.OFFLOAD_CSUM,
    features.GUEST_TSO4: tap.OFFLOAD_TSO4,
    features.GUEST_TSO6: tap.OFFLOAD_TSO6,
    features.GUEST_ECN: tap.OFFLOAD_ECN,
    features.GUEST_UFO: tap.OFFLOAD_UFO,
}


class Link(Protocol):
    """One queue pair's way to the host. A thread each for the two directions."""

    fd: int
    """Readable when there may be a frame."""
    features: int
    """The offloads that the host takes over and leaves to the guest."""

    def set_offloads(self, offloads: int) -> None:
        """What of features.RECEIVE the guest does from now on. Raises OSError."""

    def set_active(self, active: bool) -> None:
        """Whether the host may choose this pair for a frame. Raises OSError."""

    def receive(self, room: Sequence[memoryview]) -> int:
        """Fill in a header and a frame; the size of both, a frame that is too long is cut.

        Raises BlockingIOError when there is none, and other OSErrors.
        """

    def send(self, head: bytes, frame: Sequence[memoryview]) -> None:
        """Raises BlockingIOError when the host has no room, and other OSErrors."""


class TapLink:
    """A queue of a TAP device with IFF_VNET_HDR."""

    features = features.SEND | features.RECEIVE | features.CTRL_GUEST_OFFLOADS

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._active = True

    def set_offloads(self, offloads: int) -> None:
        bits = sum(bit for feature, bit in _TUN_OFFLOADS.items() if offloads & feature)
        tap.set_offloads(self.fd, bits)

    def set_active(self, active: bool) -> None:
        if active != self._active:
            tap.set_queue(self.fd, attached=active)
            self._active = active

    def receive(self, room: Sequence[memoryview]) -> int:
        return os.readv(self.fd, room)

    def send(self, head: bytes, frame: Sequence[memoryview]) -> None:
        pieces: list[bytes | memoryview] = [head, *frame]
        if len(pieces) > _MOST_PIECES:
            pieces = [b"".join(pieces)]
        os.writev(self.fd, pieces)


class CarriedLink:
    """No frame comes by: a vhost-user server has them, and its own word on offloads."""

    fd = -1
    features = features.SEND | features.RECEIVE

    def set_offloads(self, offloads: int) -> None:
        """The server has heard of them with the negotiated features."""

    def set_active(self, active: bool) -> None:
        """There is one pair."""

    def receive(self, room: Sequence[memoryview]) -> int:
        raise BlockingIOError

    def send(self, head: bytes, frame: Sequence[memoryview]) -> None:
        raise BlockingIOError


class StreamLink:
    """passt's protocol: every frame after its length, 32 bits of big endian, over a stream socket."""

    features = 0

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._incoming = bytearray()
        self._unsent = b""

    def set_offloads(self, offloads: int) -> None:
        """There are none."""

    def set_active(self, active: bool) -> None:
        """There is one pair, which is always used."""

    def receive(self, room: Sequence[memoryview]) -> int:
        while (size := self._waiting()) is None:
            data = self._socket.recv(1 << 17)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "passt has ended")
            self._incoming += data
        frame = bytes(self._incoming[4 : 4 + size])
        del self._incoming[: 4 + size]
        return buffers.scatter(room, header.EMPTY + frame)

    def _waiting(self) -> int | None:
        """The size of the first frame, when all of it is there."""
        if len(self._incoming) < 4:
            return None
        (size,) = struct.unpack_from(">I", self._incoming)
        if size > header.LARGEST_PLAIN_FRAME:
            raise ConnectionAbortedError(errno.EPROTO, f"a frame of {size} bytes from passt")
        return size if len(self._incoming) >= 4 + size else None

    def send(self, head: bytes, frame: Sequence[memoryview]) -> None:
        """The header has no place here. A frame that has begun has to be finished, or the stream is lost."""
        if self._unsent:
            self._finish()
        data = b"".join(frame)
        data = struct.pack(">I", len(data)) + data
        self._unsent = data[self._socket.send(data) :]
        if self._unsent:
            self._finish()

    def _finish(self) -> None:
        ready = select.poll()
        ready.register(self.fd, select.POLLOUT)
        while self._unsent:
            if not ready.poll(_PATIENCE_MS):
                raise BlockingIOError
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
