"""The vhost-user protocol against a back end of a few lines, which also misbehaves."""

from __future__ import annotations

import array
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.device import F_EVENT_IDX, F_VERSION_1, DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.queue import QueueLayout
from kvmctl.vmm.devices.virtio.vhost import device as front_end_module
from kvmctl.vmm.devices.virtio.vhost import user
from kvmctl.vmm.devices.virtio.vhost.device import VhostUserDevice
from kvmctl.vmm.devices.virtio.vhost.user import BackendRequest, Connection, Request
from kvmctl.vmm.memory import GuestMemory
from tests.budget import examples

MEMORY = 0x10000
CONFIG = bytes(range(32))
FEATURES = F_VERSION_1 | F_EVENT_IDX | user.F_PROTOCOL_FEATURES | 1 << 5 | 1 << 34
PROTOCOL = user.P_MQ | user.P_REPLY_ACK | user.P_BACKEND_REQ | user.P_CONFIG | 1 << 1


class Backend(threading.Thread):
    """Answers as a back end does; `refuses` names a request whose acknowledgement is an error."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.end, self._socket = socket.socketpair()
        self.seen: list[tuple[Request, bytes, int]] = []
        self.config = CONFIG
        self.refuses: Request | None = None
        self.protocol = PROTOCOL
        self.features = FEATURES
        self.channel: socket.socket | None = None
        self.answers: dict[Request, bytes] = {}
        self.start()

    def run(self) -> None:
        while True:
            try:
                head, control, _, _ = self._socket.recvmsg(user.HEADER.size, 1024)
            except OSError:
                return
            if len(head) < user.HEADER.size:
                return
            request, flags, size = user.HEADER.unpack(head)
            payload = self._socket.recv(size, socket.MSG_WAITALL) if size else b""
            fds = array.array("i")
            for _, _, data in control:
                fds.frombytes(data)
            self.seen.append((Request(request), payload, len(fds)))
            answer = self._answer(Request(request), payload, list(fds))
            if answer is None and flags & user.FLAG_NEED_REPLY:
                answer = user.U64.pack(int(request == self.refuses))
            if answer is not None:
                try:
                    self._socket.sendall(user.encode(request, answer, user.FLAG_REPLY))
                except OSError:
                    return

    def _answer(self, request: Request, payload: bytes, fds: list[int]) -> bytes | None:
        if request is Request.SET_BACKEND_REQ_FD:
            self.channel = socket.socket(fileno=fds.pop())
        for fd in fds:
            os.close(fd)
        if request in self.answers:
            return self.answers[request]
        match request:
            case Request.GET_FEATURES:
                return user.U64.pack(self.features)
            case Request.GET_PROTOCOL_FEATURES:
                return user.U64.pack(self.protocol)
            case Request.GET_QUEUE_NUM:
                return user.U64.pack(2)
            case Request.GET_CONFIG:
                offset, size, _ = user.CONFIG_HEADER.unpack_from(payload)
                return payload[: user.CONFIG_HEADER.size] + self.config[offset : offset + size]
            case Request.SET_CONFIG:
                offset, size, _ = user.CONFIG_HEADER.unpack_from(payload)
                data = payload[user.CONFIG_HEADER.size :]
                self.config = self.config[:offset] + data + self.config[offset + size :]
            case Request.GET_VRING_BASE:
                return user.VRING_STATE.pack(user.VRING_STATE.unpack(payload)[0], 5)
        return None

    def hang_up(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)

    def names(self) -> list[str]:
        return [request.name for request, _, _ in self.seen]


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.hang_up()


@pytest.fixture
def memory() -> GuestMemory:
    return GuestMemory(MEMORY)


def front_end(backend: Backend, memory: GuestMemory, timeout: float = 5, queues: int = 2) -> VhostUserDevice:
    return VhostUserDevice(
        "disk",
        2,
        0,
        Connection(backend.end.detach(), timeout),
        memory,
        queue_sizes=lambda _: (64,) * queues,
        config_size=len(CONFIG),
    )


def ring(call_fd: int) -> Ring:
    layout = QueueLayout(64, 0x1000, 0x2000, 0x3000, event_index=True, indirect=False)
    return Ring(0, layout, 3, os.eventfd(0), call_fd)


def test_a_device_from_its_negotiation_to_its_stop(backend: Backend, memory: GuestMemory) -> None:
    device = front_end(backend, memory)
    assert device.features == F_VERSION_1 | F_EVENT_IDX | 1 << 5
    assert device.configuration() == CONFIG
    assert backend.names() == [
        "GET_FEATURES",
        "GET_PROTOCOL_FEATURES",
        "SET_PROTOCOL_FEATURES",
        "SET_OWNER",
        "SET_BACKEND_REQ_FD",
        "GET_CONFIG",
        "GET_QUEUE_NUM",
    ]
    assert backend.seen[2][1] == user.U64.pack(PROTOCOL & ~2)
    backend.seen.clear()
    call_fd = os.eventfd(0)
    served = ring(call_fd)
    device.start(device.features)
    device.start_queue(served)
    base = memory.host_address
    assert backend.seen == [
        (Request.SET_FEATURES, user.U64.pack(device.features | user.F_PROTOCOL_FEATURES), 0),
        (Request.SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, 0, MEMORY, base, 0), 1),
        (Request.SET_VRING_NUM, struct.pack("<II", 0, 64), 0),
        (Request.SET_VRING_BASE, struct.pack("<II", 0, 3), 0),
        (
            Request.SET_VRING_ADDR,
            struct.pack("<IIQQQQ", 0, 0, base + 0x1000, base + 0x3000, base + 0x2000, 0),
            0,
        ),
        (Request.SET_VRING_CALL, bytes(8), 1),
        (Request.SET_VRING_KICK, bytes(8), 1),
        (Request.SET_VRING_ENABLE, struct.pack("<II", 0, 1), 0),
    ]
    assert os.eventfd_read(served.kick_fd) == os.eventfd_read(call_fd) == 1
    memory.write(0x3002, struct.pack("<H", 5))  # all that was taken is in the used ring
    device.stop()
    assert device.stop_queue(0) == 5


def test_the_configuration_is_the_back_ends(backend: Backend, memory: GuestMemory) -> None:
    device = front_end(backend, memory)
    device.configure(4, b"new")
    assert device.configuration() == CONFIG[:4] + b"new" + CONFIG[7:]
    device.configure(len(CONFIG) - 1, b"too long")
    assert device.configuration() == CONFIG[:4] + b"new" + CONFIG[7:]


def test_the_back_ends_own_requests(backend: Backend, memory: GuestMemory) -> None:
    device = front_end(backend, memory)
    changed, failed = threading.Event(), threading.Event()
    device.watch(changed.set, lambda _: failed.set())
    backend.config = CONFIG[::-1]
    assert backend.channel is not None
    backend.channel.sendall(user.encode(99, b"", user.FLAG_NEED_REPLY))
    assert user.receive(backend.channel) == user.Message(99, user.VERSION | user.FLAG_REPLY, user.U64.pack(1))
    backend.channel.sendall(user.encode(BackendRequest.CONFIG_CHANGE_MSG))
    assert changed.wait(5)
    assert device.configuration() == CONFIG[::-1]
    backend.channel.close()
    assert not failed.wait(0.05)
    backend.hang_up()
    assert failed.wait(5)
    with pytest.raises(DeviceFailed):
        device.start(device.features)


def test_a_back_end_that_breaks_its_channel(backend: Backend, memory: GuestMemory) -> None:
    device = front_end(backend, memory)
    failed = threading.Event()
    device.watch(lambda: None, lambda _: failed.set())
    assert backend.channel is not None
    backend.channel.sendall(b"\xff" * 12)
    assert failed.wait(5)


def test_a_back_end_without_protocol_features(backend: Backend, memory: GuestMemory) -> None:
    backend.features &= ~user.F_PROTOCOL_FEATURES
    with pytest.raises(DeviceFailed, match="configuration"):
        front_end(backend, memory)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda backend: setattr(backend, "features", 1 << 5), "virtio 1"),
        (lambda backend: setattr(backend, "refuses", Request.SET_BACKEND_REQ_FD), "SET_BACKEND_REQ_FD"),
        (lambda backend: backend.answers.update({Request.GET_FEATURES: b"short"}), "malformed"),
        (lambda backend: backend.answers.update({Request.GET_CONFIG: b"short"}), "configuration"),
        (lambda backend: backend.answers.update({Request.GET_QUEUE_NUM: bytes(8)}), "0 queues"),
        (lambda backend: backend.answers.update({Request.GET_FEATURES: bytes(5000)}), "5000 bytes"),
        (lambda backend: backend.hang_up(), "GET_FEATURES"),
    ],
)
def test_a_back_end_of_no_use(
    backend: Backend, memory: GuestMemory, spoil: Callable[[Backend], None], message: str
) -> None:
    spoil(backend)
    with pytest.raises(DeviceFailed, match=message):
        front_end(backend, memory)


def test_a_back_end_that_does_not_answer(memory: GuestMemory) -> None:
    """It costs the guest a moment, once, and never a hang."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach(), timeout=0.05)
    with pytest.raises(DeviceFailed, match="does not answer GET_FEATURES"):
        connection.negotiate(0)
    with pytest.raises(DeviceFailed):
        connection.negotiate(0)
    # What comes too late is not taken for an answer to something else.
    assert theirs.recv(100) == user.encode(Request.GET_FEATURES)
    assert theirs.recv(100) == b""


def test_requests_that_are_never_completed(
    backend: Backend, memory: GuestMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_end_module, "DRAIN_SECONDS", 0.1)
    device = front_end(backend, memory)
    device.start(device.features)
    device.start_queue(ring(os.eventfd(0)))
    assert device.stop_queue(0) == 5  # after a moment, though the used ring says 0


def test_a_ring_outside_of_memory(backend: Backend, memory: GuestMemory) -> None:
    device = front_end(backend, memory)
    layout = QueueLayout(64, MEMORY, 0x2000, 0x3000, event_index=True, indirect=False)
    with pytest.raises(DeviceFailed, match="no memory"):
        device.start_queue(Ring(0, layout, 0, 0, 0))


@given(st.binary(max_size=200))
@examples(100)
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            message = user.receive(ours)
        except DeviceFailed as error:
            assert str(error)
        else:
            assert message is None or len(message.payload) <= user.MAX_PAYLOAD
