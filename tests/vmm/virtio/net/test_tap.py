"""The network device on real TAP devices: offloads, queue pairs, and what is dropped."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kvmctl.host import tap
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.net.device import Network
from kvmctl.vmm.devices.virtio.net.link import TapLink
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists() or shutil.which("ip") is None,
    reason="needs root and /dev/net/tun",
)

MAC = bytes.fromhex("525400000101")
PEER = bytes.fromhex("020000000002")
_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_WIRE_HEADER = 10
"""What a packet socket has in front: virtio_net_hdr without num_buffers."""


class Host:
    """The host's end: a packet socket on the TAP device, with offloads."""

    def __init__(self, name: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self.socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self.socket.bind((name, _ETH_P_ALL))
        self.socket.settimeout(10)

    def frame(self) -> tuple[bytes, bytes]:
        """The next frame of ours that came out of the device, and its header."""
        while True:
            data, _ = self.socket.recvfrom(1 << 17)
            if data[_WIRE_HEADER + 6 : _WIRE_HEADER + 12] == MAC:
                return data[:_WIRE_HEADER], data[_WIRE_HEADER:]

    def send(self, frame: bytes, head: bytes = bytes(_WIRE_HEADER)) -> None:
        self.socket.send(head + frame)


class Card:
    def __init__(self, queues: int = 1, mtu: int | None = None) -> None:
        self.descriptors, self.name = tap.open_tap(None, None, queues=queues, mtu=mtu)
        self.device = Network("net0", [TapLink(fd) for fd in self.descriptors], MAC, mtu=mtu)
        self.host = Host(self.name)
        self._threads = ThreadPoolExecutor()

    def send(self, frame: bytes, head: bytes = bytes(12), queue: int = 1) -> None:
        """In pieces of odd sizes."""
        data = memoryview(head + frame)
        pieces = [data[:7], data[7:30], data[30:]]
        assert self.device.process(queue, Chain(0, pieces, [])) == 0

    def receive(self, queue: int = 0, room: int = 66000) -> tuple[bytes, bytes]:
        """The next frame from the peer, and its header."""
        while True:
            buffer = bytearray(room)
            view = memoryview(buffer)
            chain = Chain(0, [], [view[:10], view[10:500], view[500:]])
            size = self._threads.submit(self.device.process, queue, chain).result(20)
            if buffer[18:24] == PEER:
                return bytes(buffer[:12]), bytes(buffer[12:size])

    def close(self) -> None:
        self.device.stop()
        self._threads.shutdown()
        self.host.socket.close()
        for descriptor in self.descriptors:
            os.close(descriptor)


@pytest.fixture
def card() -> Iterator[Card]:
    card = Card()
    yield card
    card.close()


def tcp(size: int, *, to: bytes, source: bytes, good: bool = True) -> bytes:
    """An IPv4 TCP segment with `size` bytes of data; its TCP checksum is that of the pseudo header only."""
    total = 40 + size
    ip = struct.pack(">BBHHHBBH", 0x45, 0, total, 1, 0x4000, 64, 6, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    ip = ip[:10] + struct.pack(">H", _sum(ip)) + ip[12:]
    pseudo = ip[12:20] + struct.pack(">BBH", 0, 6, total - 20)
    partial = ~_sum(pseudo) & 0xFFFF
    head = struct.pack(">HHIIBBHHH", 1234, 80, 1, 1, 0x50, 0x10, 8192, partial, 0)
    return to + source + b"\x08\0" + ip + head + bytes(n & 0xFF for n in range(size))


def _sum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _tcp_is_right(frame: bytes) -> bool:
    size = struct.unpack_from(">H", frame, 16)[0] - 20
    segment = frame[34 : 34 + size]
    pseudo = frame[26:34] + struct.pack(">BBH", 0, 6, size)
    return _sum(pseudo + segment + bytes(len(segment) % 2)) == 0


TCP_HEAD = struct.pack("<BBHHHHH", 1, 1, 54, 1000, 34, 16, 0)
CSUM_HEAD = struct.pack("<BBHHHHH", 1, 0, 0, 0, 34, 16, 0)


def test_a_segment_to_be_cut_reaches_the_host_whole(card: Card) -> None:
    card.device.start(card.device.features)
    frame = tcp(5000, to=PEER, source=MAC)
    card.send(frame, TCP_HEAD)
    head, received = card.host.frame()
    assert received == frame
    assert struct.unpack("<BBHHHH", head)[1::2] == (1, 1000, 16)


def test_headers_that_ask_for_too_much_are_dropped(card: Card, caplog: pytest.LogCaptureFixture) -> None:
    card.device.start(card.device.features)
    frame = tcp(100, to=PEER, source=MAC)
    for bad in (
        struct.pack("<BBHHHHH", 1, 1, 54, 0, 34, 16, 0),
        struct.pack("<BBHHHHH", 1, 0, 0, 0, 65000, 16, 0),
        struct.pack("<BBHHHHH", 1, 7, 0, 100, 34, 16, 0),
    ):
        card.send(frame, bad)
    card.send(b"".join((PEER, MAC, b"\x88\xb5", b"good".ljust(60))))
    assert b"good" in card.host.frame()[1]
    assert len([r for r in caplog.records if "dropped" in r.message]) == 1


def test_a_driver_that_negotiated_nothing_sends_whole_frames_only(card: Card) -> None:
    card.device.start(features.MAC)
    card.send(tcp(5000, to=PEER, source=MAC), TCP_HEAD)
    card.send(b"".join((PEER, MAC, b"\x88\xb5", b"plain".ljust(60))))
    assert b"plain" in card.host.frame()[1]


def test_received_offloads_are_the_drivers_choice(card: Card) -> None:
    card.device.start(card.device.features)
    frame = tcp(5000, to=MAC, source=PEER)
    card.host.send(frame, TCP_HEAD[:10])
    head, received = card.receive()
    assert received == frame, "one large frame"
    flags, kind, _, segment, _, _, count = struct.unpack("<BBHHHHH", head)
    assert (flags & 1, kind, segment, count) == (1, 1, 1000, 1)

    card.device.stop()
    card.device.reset()
    card.device.start(features.MAC | features.STATUS)
    card.host.send(frame, TCP_HEAD[:10])
    for _ in range(5):
        head, received = card.receive(room=2000)
        assert head == bytes(10) + b"\1\0", "no flags that were not negotiated"
        assert len(received) == 54 + 1000
        assert _tcp_is_right(received)


class Buffers:
    """The driver's buffers after the first, as the queue has them."""

    def __init__(self, sizes: list[int]) -> None:
        self.buffers = [bytearray(size) for size in sizes]
        self.next = 0

    def pop(self) -> Chain | None:
        if self.next == len(self.buffers):
            return None
        self.next += 1
        return Chain(self.next, [], [memoryview(self.buffers[self.next - 1])])

    def put_back(self, count: int = 1) -> None:
        self.next -= count


def test_a_large_frame_is_merged_from_small_buffers(card: Card) -> None:
    card.device.start(card.device.features)
    frame = tcp(5000, to=MAC, source=PEER)
    short = tcp(6000, to=MAC, source=PEER)
    card.host.send(short, TCP_HEAD[:10])
    card.host.send(frame, TCP_HEAD[:10])
    more = Buffers([1500, 12, 1500, 2000])
    while True:
        more.next = 0
        first = bytearray(256)
        chain = Chain(0, [], [memoryview(first)], more)  # type: ignore[arg-type]
        size = card.device.process(0, chain)
        if first[18:24] == PEER:
            break
    assert size == 256
    assert chain.joined == [(1, 1500), (2, 12), (3, 1500), (4, len(frame) + 12 - 256 - 3012)]
    assert struct.unpack_from("<H", first, 10) == (5,)
    whole = first + b"".join(more.buffers)
    assert whole[12 : 12 + len(frame)] == frame, "the first one, for which there was no room, is lost"


def test_checksums_are_filled_in_for_a_driver_that_wants_them_right(card: Card) -> None:
    card.device.start(features.MAC)
    card.host.send(tcp(100, to=MAC, source=PEER), CSUM_HEAD[:10])
    assert _tcp_is_right(card.receive()[1])


def test_queue_pairs_carry_frames_when_they_are_in_use() -> None:
    card = Card(queues=2)
    try:
        device = card.device
        device.start(device.features)
        for queue in (1, 3):
            card.send(b"".join((PEER, MAC, b"\x88\xb5", b"pair%d" % queue)).ljust(60), queue=queue)
        assert b"pair1" in card.host.frame()[1]
        received: list[int] = []

        def serve(queue: int) -> None:
            try:
                while True:
                    buffer = bytearray(2000)
                    device.process(queue, Chain(0, [], [memoryview(buffer)]))
                    if buffer[18:24] == PEER:
                        received.append(queue)
            except Stopped:
                return

        threads = [threading.Thread(target=serve, args=(queue,)) for queue in (0, 2)]
        for thread in threads:
            thread.start()
        frames = [
            tcp(10, to=MAC, source=PEER)[:34] + struct.pack(">H", port) + tcp(10, to=MAC, source=PEER)[36:]
            for port in range(1000, 1064)
        ]
        for frame in frames:
            card.host.send(frame)
        _wait(lambda: len(received) == 64)
        assert set(received) == {0}, "the second pair rests"
        assert device.use_pairs(2)
        card.send(b"".join((PEER, MAC, b"\x88\xb5", b"later")).ljust(60), queue=3)
        assert b"later" in card.host.frame()[1]
        for frame in frames:
            card.host.send(frame)
        _wait(lambda: len(received) == 128)
        assert set(received) == {0, 2}, "flows are spread over both"
        device.stop()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
    finally:
        card.close()


def _wait(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_pulled_cable(card: Card) -> None:
    told = []
    card.device.tell_driver = lambda: told.append(card.device.configuration()[6:8])
    card.device.start(card.device.features)
    card.device.set_link(False)
    card.send(b"".join((PEER, MAC, b"\x88\xb5", b"lost")).ljust(60))
    card.device.set_link(False)
    card.device.set_link(True)
    card.send(b"".join((PEER, MAC, b"\x88\xb5", b"found")).ljust(60))
    assert b"found" in card.host.frame()[1]
    assert told == [b"\0\0", b"\1\0"]


def test_a_larger_mtu() -> None:
    card = Card(mtu=9000)
    try:
        assert Path("/sys/class/net", card.name, "mtu").read_text().strip() == "9000"
        assert card.device.features & features.MTU
        assert card.device.configuration()[10:12] == struct.pack("<H", 9000)
    finally:
        card.close()


@pytest.mark.parametrize("size", [0, 11, 12, 25, 12 + 66000])
def test_frames_of_no_size(card: Card, size: int) -> None:
    card.device.start(card.device.features)
    with pytest.raises(QueueError):
        card.device.process(1, Chain(0, [memoryview(bytes(size))], []))


def test_a_stopped_device_waits_for_nothing(card: Card) -> None:
    card.device.start(card.device.features)
    card.device.stop()
    with pytest.raises(Stopped):
        while True:
            card.device.process(0, Chain(0, [], [memoryview(bytearray(2000))]))
