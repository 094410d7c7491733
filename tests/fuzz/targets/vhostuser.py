"""What a vhost-user back end sends: answers to the front end, and requests of its own."""

from __future__ import annotations

import os
import random
import socket
import struct
from contextlib import ExitStack

from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_VERSION_1, DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.queue import QueueLayout
from kvmctl.vmm.devices.virtio.vhost import device as front_end
from kvmctl.vmm.devices.virtio.vhost import user
from kvmctl.vmm.devices.virtio.vhost.user import Connection, Request, Watch
from kvmctl.vmm.memory import GuestMemory
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import Run, Target

_CONFIG = 32
_FEATURES = F_VERSION_1 | F_EVENT_IDX | user.F_PROTOCOL_FEATURES
_PROTOCOL = user.P_MQ | user.P_REPLY_ACK | user.P_BACKEND_REQ | user.P_CONFIG | user.P_RESET_DEVICE
_MOST_MESSAGES = 40


def _prepare() -> Run:
    front_end.DRAIN_SECONDS = 0.0  # type: ignore[misc]
    memory = GuestMemory(1 << 16)
    layout = QueueLayout(64, 0x1000, 0x2000, 0x3000, event_index=True, indirect=False)
    kick, call = os.eventfd(0), os.eventfd(0)

    def talk(connection: Connection) -> None:
        """A device's life, as far as the back end's answers let it go."""
        device = front_end.VhostUserDevice(
            "disk", 2, 0, connection, memory, queue_sizes=lambda _: (64,) * 2, config_size=_CONFIG
        )
        device.configure(3, b"ab")
        assert len(device.configuration()) == _CONFIG
        for _ in range(2):
            device.start(device.features)
            device.start_queue(Ring(0, layout, 0, kick, call))
            device.stop()
            assert 0 <= device.stop_queue(0) <= 0xFFFF
            connection.reset_device()

    def run(data: bytes) -> int:
        """The first byte: whether this is the answers' socket or the back end's own channel."""
        ours, theirs = socket.socketpair()
        with ExitStack() as stack:
            stack.callback(theirs.close)
            theirs.sendall(data[1:])
            theirs.shutdown(socket.SHUT_WR)
            if data[:1] == b"\1":
                stack.callback(ours.close)
                other, end = socket.socketpair()
                stack.callback(end.close)
                connection = Connection(other.detach())
                stack.callback(connection.close)
                watch = Watch(connection, None)
                stack.callback(os.close, watch._closing)
                while watch._take(ours) is not None:
                    pass
            else:
                connection = Connection(ours.detach())
                stack.callback(connection.close)
                talk(connection)
        return max(1, len(_split(data[1:])))

    return run


def _answer(request: int, payload: bytes, flags: int = user.FLAG_REPLY) -> bytes:
    return user.encode(request, payload, flags)


def _conversation(features: int, protocol: int) -> bytes:
    """The answers of a good back end to `talk`."""
    number = user.U64.pack
    config = user.CONFIG_HEADER.pack(0, _CONFIG, 0) + bytes(_CONFIG)
    done = [_answer(request, number(0)) for request in (Request.SET_FEATURES, Request.SET_MEM_TABLE)]
    ring = [
        _answer(request, number(0))
        for request in (
            Request.SET_VRING_NUM,
            Request.SET_VRING_BASE,
            Request.SET_VRING_ADDR,
            Request.SET_VRING_CALL,
            Request.SET_VRING_KICK,
            Request.SET_VRING_ENABLE,
        )
    ]
    stop = [
        _answer(Request.GET_VRING_BASE, struct.pack("<II", 0, 0)),
        _answer(Request.RESET_DEVICE, number(0)),
    ]
    return b"".join(
        [
            _answer(Request.GET_FEATURES, number(features)),
            _answer(Request.GET_PROTOCOL_FEATURES, number(protocol)),
            _answer(Request.SET_BACKEND_REQ_FD, number(0)),
            _answer(Request.GET_CONFIG, config),
            _answer(Request.GET_QUEUE_NUM, number(2)),
            _answer(Request.SET_CONFIG, number(0)),
            _answer(Request.GET_CONFIG, config),
            *(done + ring + stop) * 2,
        ]
    )


def _split(stream: bytes) -> list[bytes]:
    messages = []
    while stream:
        size = int.from_bytes(stream[8:12], "little") if len(stream) >= 12 else 0
        end = min(len(stream), user.HEADER.size + size)
        messages.append(stream[:end])
        stream = stream[end:]
    return messages


def _mutate(data: bytes, rng: random.Random) -> bytes:
    """Mostly other messages in the same order: the order is what the front end asks in."""
    if rng.randrange(4) == 0:
        return _BYTES(data, rng)
    messages = _split(data[1:])
    if not messages:
        return data[:1] + _answer(rng.choice(list(Request)), rng.randbytes(8))
    at = rng.randrange(len(messages))
    match rng.randrange(5):
        case 0:
            messages[at : at + 1] = []
        case 1:
            messages.insert(at, rng.choice(messages))
        case 2:
            messages[at] = messages[at][:12] + _BYTES(messages[at][12:], rng)
        case 3:
            payload = _BYTES(messages[at][12:], rng)
            messages[at] = messages[at][:8] + len(payload).to_bytes(4, "little") + payload
        case 4:
            messages[at] = _BYTES(messages[at], rng)
    return data[:1] + b"".join(messages[:_MOST_MESSAGES])


def _seeds() -> list[bytes]:
    whole = [
        _conversation(features, protocol)
        for features in (_FEATURES, F_VERSION_1, 0, 2**64 - 1)
        for protocol in (_PROTOCOL, user.P_CONFIG, 0, 2**64 - 1)
    ]
    requests = [
        _answer(request, bytes(size), flags)
        for request in (1, 2, 3, 99)
        for size in (0, 8)
        for flags in (0, user.FLAG_NEED_REPLY)
    ]
    return [*(b"\0" + one for one in whole), b"\1" + b"".join(requests), b"\1" + requests[0][:7]]


_WORDS = [user.U64.pack(value) for value in (_FEATURES, _PROTOCOL, 0, 2**64 - 1)]
_BYTES = Mutator(_WORDS, _WORDS, 8192)

TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=800,
    refusals=(DeviceFailed,),
    mutate=_mutate,
    longest=8192,
)
