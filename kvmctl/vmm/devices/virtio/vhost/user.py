"""The vhost-user protocol (QEMU docs/interop/vhost-user), the front end's side of a connection."""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kvmctl.vmm.devices.virtio.device import DeviceFailed


class Request(IntEnum):
    """Front-end message types."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    SET_BACKEND_REQ_FD = 21
    GET_CONFIG = 24
    SET_CONFIG = 25
    RESET_DEVICE = 34


class BackendRequest(IntEnum):
    """Back-end message types."""

    CONFIG_CHANGE_MSG = 2


F_PROTOCOL_FEATURES: Final = 1 << 30
"""VHOST_USER_F_PROTOCOL_FEATURES, among the virtio feature bits."""

# Protocol features
P_MQ: Final = 1 << 0
P_REPLY_ACK: Final = 1 << 3
P_BACKEND_REQ: Final = 1 << 5
P_CONFIG: Final = 1 << 9
P_RESET_DEVICE: Final = 1 << 13

VERSION: Final = 1
FLAG_REPLY: Final = 1 << 2
FLAG_NEED_REPLY: Final = 1 << 3
_VERSION_MASK: Final = 3
HEADER: Final = struct.Struct("<III")
U64: Final = struct.Struct("<Q")
VRING_STATE: Final = struct.Struct("<II")
VRING_ADDRESS: Final = struct.Struct("<IIQQQQ")
MEMORY_HEADER: Final = struct.Struct("<I4x")
MEMORY_REGION: Final = struct.Struct("<QQQQ")
CONFIG_HEADER: Final = struct.Struct("<III")
MAX_CONFIG: Final = 256
"""VHOST_USER_MAX_CONFIG_SIZE."""
MAX_PAYLOAD: Final = 4096
TIMEOUT: Final = 5.0
"""Seconds that a back end has for an answer: the guest's CPU that asked for it stands still meanwhile."""

_SETTERS_WITH_ANSWER: Final = frozenset(
    {
        Request.SET_FEATURES,
        Request.SET_MEM_TABLE,
        Request.SET_VRING_NUM,
        Request.SET_VRING_ADDR,
        Request.SET_VRING_BASE,
        Request.SET_VRING_KICK,
        Request.SET_VRING_CALL,
        Request.SET_VRING_ENABLE,
        Request.SET_BACKEND_REQ_FD,
        Request.SET_CONFIG,
        Request.RESET_DEVICE,
    }
)


@dataclass(frozen=True, slots=True)
class Message:
    request: int
    flags: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """Guest memory as the back end is to map it."""

    guest_address: int
    size: int
    user_address: int
    """How ring addresses name it."""
    fd: int
    offset: int


def encode(request: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return HEADER.pack(request, VERSION | flags, len(payload)) + payload


class Connection:
    """One connection to a back end; any thread may call, and every failure is DeviceFailed."""

    def __init__(self, fd: int, timeout: float = TIMEOUT) -> None:
        """Takes the connected socket over."""
        self.protocol_features = 0
        self.features = 0
        self._socket = socket.socket(fileno=fd)
        self._socket.settimeout(timeout)
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    # negotiation

    def negotiate(self, wanted_protocol: int) -> None:
        """Learn what the back end is able to do, and become its owner."""
        self.features = self._get_u64(Request.GET_FEATURES)
        if self.features & F_PROTOCOL_FEATURES:
            offered = self._get_u64(Request.GET_PROTOCOL_FEATURES)
            # REPLY_ACK is in force for the messages after this one.
            self._set(Request.SET_PROTOCOL_FEATURES, U64.pack(offered & wanted_protocol))
            self.protocol_features = offered & wanted_protocol
        self._set(Request.SET_OWNER)

    def queue_limit(self) -> int | None:
        """How many queues the back end has at most; None when it does not say."""
        return self._get_u64(Request.GET_QUEUE_NUM) if self.protocol_features & P_MQ else None

    def set_features(self, features: int) -> None:
        self._set(Request.SET_FEATURES, U64.pack(features | self.features & F_PROTOCOL_FEATURES))

    def set_memory(self, regions: Sequence[MemoryRegion]) -> None:
        table = b"".join(
            MEMORY_REGION.pack(region.guest_address, region.size, region.user_address, region.offset)
            for region in regions
        )
        fds = [region.fd for region in regions]
        self._set(Request.SET_MEM_TABLE, MEMORY_HEADER.pack(len(regions)) + table, fds)

    def open_backend_channel(self) -> socket.socket | None:
        """Our end of the channel for the back end's own requests; None when it has none."""
        if not self.protocol_features & P_BACKEND_REQ:
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            self._set(Request.SET_BACKEND_REQ_FD, b"", [theirs.fileno()])
        return ours

    # configuration space

    def get_config(self, size: int) -> bytes:
        """The first `size` bytes of the device's configuration."""
        asked = CONFIG_HEADER.pack(0, size, 0) + bytes(size)
        answer = self._ask(Request.GET_CONFIG, asked)
        if len(answer) != len(asked):
            raise DeviceFailed(f"the back end gives {len(answer)} bytes of configuration for {len(asked)}")
        return answer[CONFIG_HEADER.size :]

    def set_config(self, offset: int, data: bytes) -> None:
        self._set(Request.SET_CONFIG, CONFIG_HEADER.pack(offset, len(data), 0) + data)

    # rings

    def start_ring(
        self, index: int, size: int, base: int, addresses: tuple[int, int, int], kick_fd: int, call_fd: int
    ) -> None:
        """`addresses`: descriptors, available and used ring as the memory's user addresses."""
        descriptors, available, used = addresses
        self._set(Request.SET_VRING_NUM, VRING_STATE.pack(index, size))
        self._set(Request.SET_VRING_BASE, VRING_STATE.pack(index, base))
        self._set(Request.SET_VRING_ADDR, VRING_ADDRESS.pack(index, 0, descriptors, used, available, 0))
        self._set(Request.SET_VRING_CALL, U64.pack(index), [call_fd])
        self._set(Request.SET_VRING_KICK, U64.pack(index), [kick_fd])
        if self.features & F_PROTOCOL_FEATURES:
            self._set(Request.SET_VRING_ENABLE, VRING_STATE.pack(index, 1))

    def stop_ring(self, index: int) -> int:
        """The place in the available ring at which to go on; the back end takes no request after this."""
        answer = self._ask(Request.GET_VRING_BASE, VRING_STATE.pack(index, 0))
        if len(answer) != VRING_STATE.size:
            raise DeviceFailed("the back end's answer on the state of a queue is malformed")
        return int(VRING_STATE.unpack(answer)[1]) & 0xFFFF

    def reset_device(self) -> None:
        """Where the back end has that; stopped rings are all that the protocol has otherwise."""
        if self.protocol_features & P_RESET_DEVICE:
            self._set(Request.RESET_DEVICE)

    # messages

    def _get_u64(self, request: Request) -> int:
        answer = self._ask(request)
        if len(answer) != U64.size:
            raise DeviceFailed(f"the back end's answer to {request.name} is malformed")
        return int(U64.unpack(answer)[0])

    def _set(self, request: Request, payload: bytes = b"", fds: Sequence[int] = ()) -> None:
        acknowledged = request in _SETTERS_WITH_ANSWER and bool(self.protocol_features & P_REPLY_ACK)
        with self._lock:
            self._send(request, payload, fds, FLAG_NEED_REPLY if acknowledged else 0)
            if not acknowledged:
                return
            answer = self._receive(request)
        if answer != bytes(U64.size):
            raise DeviceFailed(f"the back end refuses {request.name}")

    def _ask(self, request: Request, payload: bytes = b"") -> bytes:
        with self._lock:
            self._send(request, payload, (), 0)
            return self._receive(request)

    def _send(self, request: Request, payload: bytes, fds: Sequence[int], flags: int) -> None:
        message = encode(request, payload, flags)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            sent = self._socket.sendmsg([message], ancillary, socket.MSG_NOSIGNAL)
            self._socket.sendall(message[sent:])
        except OSError as error:
            self._give_up()
            raise DeviceFailed(f"the back end does not take {request.name}: {_words(error)}") from error

    def _receive(self, request: Request) -> bytes:
        try:
            message = receive(self._socket)
        except OSError as error:
            self._give_up()
            raise DeviceFailed(f"the back end does not answer {request.name}: {_words(error)}") from error
        if message is None:
            raise DeviceFailed(f"the back end has hung up on {request.name}")
        if message.request != request or not message.flags & FLAG_REPLY:
            self._give_up()
            raise DeviceFailed(f"the back end answers {request.name} with message {message.request}")
        return message.payload

    def _give_up(self) -> None:
        """An answer that comes late would be taken for that to another request."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def receive(stream: socket.socket) -> Message | None:
    """The next message, None at the end of the stream; descriptors that come along are not taken.

    Raises OSError, and DeviceFailed for what is no message of this protocol.
    """
    head = _receive_bytes(stream, HEADER.size)
    if head is None:
        return None
    request, flags, size = HEADER.unpack(head)
    if flags & _VERSION_MASK != VERSION:
        raise DeviceFailed(f"the back end speaks version {flags & _VERSION_MASK} of vhost-user")
    if size > MAX_PAYLOAD:
        raise DeviceFailed(f"the back end sends a message of {size} bytes")
    payload = _receive_bytes(stream, size)
    return None if payload is None else Message(request, flags, payload)


def _receive_bytes(stream: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = stream.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def _words(error: OSError) -> str:
    return error.strerror or str(error)


class Watch:
    """A thread that tells of the end of a connection, and of the back end's own requests."""

    def __init__(self, connection: Connection, channel: socket.socket | None) -> None:
        self._connection = connection
        self._channel = channel
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)

    def run(self) -> BackendRequest | None:
        """Wait for the next request that means something; None when the back end has gone.

        Raises DeviceFailed for a back end that breaks the protocol.
        """
        waiting = select.poll()
        waiting.register(self._connection.fileno(), select.POLLRDHUP)
        waiting.register(self._closing, select.POLLIN)
        if self._channel is not None:
            waiting.register(self._channel.fileno(), select.POLLIN | select.POLLRDHUP)
        while True:
            ready = dict(waiting.poll())
            if self._connection.fileno() in ready or self._closing in ready:
                return None
            if self._channel is None:
                continue
            request = self._take(self._channel)
            if request is None:
                # Some back ends close this channel alone when they are reset.
                waiting.unregister(self._channel.fileno())
                self._channel = None
            elif request == BackendRequest.CONFIG_CHANGE_MSG:
                return BackendRequest.CONFIG_CHANGE_MSG

    def _take(self, channel: socket.socket) -> int | None:
        channel.settimeout(TIMEOUT)
        try:
            message = receive(channel)
            if message is None:
                return None
            if message.flags & FLAG_NEED_REPLY:
                known = message.request == BackendRequest.CONFIG_CHANGE_MSG
                answer = U64.pack(0 if known else 1)
                channel.sendall(encode(message.request, answer, FLAG_REPLY))
        except OSError as error:
            raise DeviceFailed(f"the back end's channel fails: {_words(error)}") from error
        return message.request

    def close(self) -> None:
        os.eventfd_write(self._closing, 1)
