"""The socket device: both ways to connect, credit, endings, and drivers that break the rules."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio import vsock
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.vsock import Vsock
from kvmctl.vmm.devices.virtio.vsockhost import by_path
from kvmctl.vmm.devices.virtio.vsockpacket import (
    HEADER_SIZE,
    HOST_CID,
    SHUTDOWN_RECEIVE,
    SHUTDOWN_SEND,
    TYPE_STREAM,
    Op,
    Packet,
    decode,
)
from tests.budget import examples

CID = 5
GUEST_PORT = 1024
ALLOC = 64 << 10
BOTH = SHUTDOWN_SEND | SHUTDOWN_RECEIVE


class Bench:
    """The device, with the driver's end of its queues."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "guest.vsock")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path)
        listening.listen(2000)
        self.directory_fd = os.open(directory, os.O_PATH)
        self.device = Vsock("vsock0", CID, listening, by_path(listening, self.directory_fd))
        self.device.start(0)
        self.received = 0
        self.sockets: list[socket.socket] = [listening]

    def close(self) -> None:
        self.device.stop()
        self.device.reset()
        for end in self.sockets:
            end.close()
        os.close(self.directory_fd)

    def send(self, op: int, port: int, peer: int = GUEST_PORT, payload: bytes = b"", **fields: int) -> None:
        values = {"type": TYPE_STREAM, "buf_alloc": ALLOC, "fwd_cnt": self.received, **fields}
        packet = Packet(
            values.pop("source_cid", CID),
            values.pop("target_cid", HOST_CID),
            peer,
            port,
            op=op,
            payload=payload,
            **values,
        )
        self.device.process(vsock.TRANSMIT, Chain(0, [memoryview(packet.encode())], []))

    def get(self, size: int = 4096) -> Packet:
        """The next packet for the guest; the device has something to say, or this waits for ever."""
        buffer = bytearray(HEADER_SIZE + size)
        done = self.device.process(vsock.RECEIVE, Chain(0, [], [memoryview(buffer)]))
        packet = decode(Chain(0, [memoryview(buffer[:done])], []))
        assert (packet.source_cid, packet.target_cid) == (HOST_CID, CID)
        return packet

    def expect(self, op: Op, flags: int = 0) -> Packet:
        packet = self.get()
        assert packet.op == op
        assert packet.flags == flags
        return packet

    def quiet(self) -> bool:
        return not self.device._answers

    def client(self) -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        end.settimeout(5)
        end.connect(self.path)
        self.sockets.append(end)
        return end

    def from_host(self, port: int = 52) -> tuple[socket.socket, int]:
        """An established connection from the host: the client's end and the host's port."""
        client = self.client()
        client.send(b"CONNECT %d\n" % port)
        request = self.expect(Op.REQUEST)
        assert request.target_port == port
        self.send(Op.RESPONSE, request.source_port, port)
        assert client.recv(100) == b"OK %d\n" % request.source_port
        return client, request.source_port

    def listen(self, port: int) -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        end.bind(f"{self.path}_{port}")
        end.listen()
        end.settimeout(5)
        self.sockets.append(end)
        return end

    def from_guest(self, port: int = 52) -> socket.socket:
        with self.listen(port) as listening:
            self.send(Op.REQUEST, port)
            self.expect(Op.RESPONSE)
            end, _ = listening.accept()
        end.settimeout(5)
        self.sockets.append(end)
        return end


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_client_of_the_host_connects(bench: Bench) -> None:
    client, port = bench.from_host()
    client.send(b"question")
    assert bench.get().payload == b"question"
    bench.send(Op.RW, port, 52, b"answer")
    assert client.recv(100) == b"answer"


def test_the_guest_connects(bench: Bench) -> None:
    end = bench.from_guest()
    bench.send(Op.RW, 52, payload=b"question")
    assert end.recv(100) == b"question"
    end.send(b"answer")
    packet = bench.get()
    assert packet.payload == b"answer"
    assert packet.fwd_cnt == len(b"question")


def test_nobody_listens(bench: Bench) -> None:
    bench.send(Op.REQUEST, 53)
    packet = bench.expect(Op.RST)
    assert (packet.source_port, packet.target_port) == (53, GUEST_PORT)


def test_the_guest_refuses(bench: Bench) -> None:
    client = bench.client()
    client.send(b"connect 7\n")
    request = bench.expect(Op.REQUEST)
    bench.send(Op.RST, request.source_port, 7)
    assert client.recv(10) == b""


@pytest.mark.parametrize(
    "line", [b"\n", b"CONNECT\n", b"CONNECT x\n", b"CONNECT 4294967296\n", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_lines_that_are_no_command(bench: Bench, line: bytes) -> None:
    client = bench.client()
    client.send(line)
    other, _ = bench.from_host()
    with suppress(ConnectionResetError):
        assert client.recv(10) == b""
    other.send(b"still there")
    assert bench.get().payload == b"still there"


def test_no_more_is_sent_than_the_guest_has_room_for(bench: Bench) -> None:
    client, port = bench.from_host()
    data = os.urandom(ALLOC + 5000)
    writing = threading.Thread(target=client.sendall, args=(data,))
    writing.start()
    got = b""
    while len(got) < ALLOC:
        got += bench.get().payload
    assert len(got) == ALLOC
    connection = bench.device._connections[port, 52]
    assert connection.credit == 0
    assert connection.watched is None
    bench.received = len(got)
    bench.send(Op.CREDIT_UPDATE, port, 52)
    while len(got) < len(data):
        got += bench.get().payload
    writing.join(5)
    assert got == data


def test_the_guest_hears_of_room_at_the_host(bench: Bench) -> None:
    end = bench.from_guest()
    for _ in range(2):
        bench.send(Op.RW, 52, payload=bytes(64 << 10))
        assert len(end.recv(64 << 10, socket.MSG_WAITALL)) == 64 << 10
    update = bench.expect(Op.CREDIT_UPDATE)
    assert update.fwd_cnt == 128 << 10
    assert update.buf_alloc == vsock.BUFFER
    bench.send(Op.CREDIT_REQUEST, 52)
    assert bench.expect(Op.CREDIT_UPDATE).fwd_cnt == 128 << 10


def test_a_guest_that_sends_without_credit_is_cut_off(bench: Bench) -> None:
    end = bench.from_guest()
    for _ in range(20):
        bench.send(Op.RW, 52, payload=bytes(64 << 10))
    while (packet := bench.get()).op != Op.RST:
        assert packet.op == Op.CREDIT_UPDATE
    assert packet.target_port == GUEST_PORT
    while end.recv(1 << 20):
        pass


def test_the_host_closes(bench: Bench) -> None:
    client, port = bench.from_host()
    client.send(b"last words")
    client.close()
    assert bench.get().payload == b"last words"
    bench.expect(Op.SHUTDOWN, BOTH)
    bench.send(Op.SHUTDOWN, port, 52, flags=BOTH)
    bench.expect(Op.RST)
    assert not bench.device._connections


def test_each_side_ends_by_itself(bench: Bench) -> None:
    client, port = bench.from_host()
    client.shutdown(socket.SHUT_WR)
    bench.expect(Op.SHUTDOWN, SHUTDOWN_SEND)
    bench.send(Op.RW, port, 52, b"still sending")
    assert client.recv(100) == b"still sending"
    bench.send(Op.SHUTDOWN, port, 52, flags=SHUTDOWN_SEND)
    assert client.recv(100) == b""
    assert bench.quiet()
    bench.send(Op.SHUTDOWN, port, 52, flags=SHUTDOWN_RECEIVE)
    bench.expect(Op.RST)


def test_the_guest_closes_after_what_it_has_sent(bench: Bench) -> None:
    end = bench.from_guest()
    bench.send(Op.RW, 52, payload=b"all of it")
    bench.send(Op.SHUTDOWN, 52, flags=BOTH)
    bench.expect(Op.RST)
    assert end.recv(100) == b"all of it"
    assert end.recv(100) == b""


def test_many_connections(bench: Bench) -> None:
    pairs = [bench.from_host(port) for port in range(1, 101)]
    for number, (client, _) in enumerate(pairs, 1):
        client.send(b"%d" % number)
    seen = {(packet.target_port, packet.payload) for packet in (bench.get() for _ in pairs)}
    assert seen == {(number, b"%d" % number) for number in range(1, 101)}
    bench.device.stop()
    bench.device.reset()
    assert all(client.recv(10) == b"" for client, _ in pairs)


def test_more_connections_than_there_may_be(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsock, "MAX_CONNECTIONS", 1)
    bench.from_host()
    with bench.listen(52):
        bench.send(Op.REQUEST, 52)
        bench.expect(Op.RST)


@pytest.mark.parametrize("fields", [{"source_cid": 9}, {"target_cid": 1}, {"target_cid": CID}])
def test_packets_of_and_for_others_are_dropped(bench: Bench, fields: dict[str, int]) -> None:
    bench.send(Op.REQUEST, 52, **fields)
    assert bench.quiet()


@pytest.mark.parametrize("op", [0, Op.RESPONSE, Op.SHUTDOWN, Op.RW, Op.CREDIT_UPDATE, 8, 0xFFFF])
def test_packets_without_a_connection(bench: Bench, op: int) -> None:
    bench.send(op, 52)
    bench.expect(Op.RST)
    bench.send(Op.RST, 52)
    assert bench.quiet()


@pytest.mark.parametrize("op", [0, Op.REQUEST, Op.RESPONSE, 8])
def test_packets_that_make_no_sense_end_a_connection(bench: Bench, op: int) -> None:
    client, port = bench.from_host()
    bench.send(op, port, 52)
    bench.expect(Op.RST)
    assert client.recv(10) == b""


def test_another_type_of_socket(bench: Bench) -> None:
    bench.send(Op.REQUEST, 52, type=2)
    assert bench.expect(Op.RST).type == 2


@pytest.mark.parametrize("data", [b"", bytes(HEADER_SIZE - 1)])
def test_broken_packets(bench: Bench, data: bytes) -> None:
    with pytest.raises(QueueError):
        bench.device.process(vsock.TRANSMIT, Chain(0, [memoryview(data)], []))
    header = bytearray(Packet(CID, HOST_CID, 1, 2, TYPE_STREAM, Op.RW, payload=b"data").encode())
    with pytest.raises(QueueError):
        bench.device.process(vsock.TRANSMIT, Chain(0, [memoryview(header[:-1])], []))
    header[24:28] = b"\xff" * 4
    with pytest.raises(QueueError):
        bench.device.process(vsock.TRANSMIT, Chain(0, [memoryview(header)], []))
    with pytest.raises(QueueError):
        bench.device.process(vsock.RECEIVE, Chain(0, [], [memoryview(bytearray(HEADER_SIZE))]))


def test_a_guest_that_takes_no_answers_is_not_heard(bench: Bench) -> None:
    failure: list[type[BaseException]] = []

    def flood() -> None:
        try:
            for _ in range(2 * vsock.MAX_ANSWERS):
                bench.send(Op.RW, 1)
        except Stopped:
            failure.append(Stopped)

    flooding = threading.Thread(target=flood)
    flooding.start()
    flooding.join(0.5)
    assert flooding.is_alive()
    assert len(bench.device._answers) == vsock.MAX_ANSWERS
    bench.device.stop()
    flooding.join(5)
    assert failure == [Stopped]


@pytest.mark.parametrize("queue", [vsock.RECEIVE, vsock.EVENT])
def test_a_stop_ends_every_wait(bench: Bench, queue: int) -> None:
    seen: list[type[BaseException]] = []

    def wait() -> None:
        try:
            bench.device.process(queue, Chain(0, [], [memoryview(bytearray(100))]))
        except Stopped:
            seen.append(Stopped)

    waiting = threading.Thread(target=wait)
    waiting.start()
    bench.device.stop()
    waiting.join(5)
    assert seen == [Stopped]


PACKETS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from([52, 53, vsock.FIRST_PORT]),
        st.sampled_from([GUEST_PORT, 52]),
        st.binary(max_size=40),
        st.integers(0, 7),
        st.sampled_from([0, 10, ALLOC, 2**32 - 1]),
        st.integers(0, 2**32 - 1) | st.just(0),
    ),
    max_size=40,
)


@given(PACKETS)
@examples(60)
def test_any_packets(
    tmp_path_factory: pytest.TempPathFactory, packets: list[tuple[int, int, int, bytes, int, int, int]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("vsock"))
    try:
        bench.listen(52)
        client = bench.client()
        client.send(b"CONNECT 52\nhello")
        bench.expect(Op.REQUEST)
        for op, port, peer, payload, flags, alloc, forwarded in packets:
            bench.send(op, port, peer, payload, flags=flags, buf_alloc=alloc, fwd_cnt=forwarded)
            while not bench.quiet():
                bench.get()
        bench.device.stop()
        bench.device.reset()
        bench.device.start(0)
        bench.received = 0
        other, _ = bench.from_host()
        other.send(b"works")
        assert bench.get().payload == b"works"
    finally:
        bench.close()
