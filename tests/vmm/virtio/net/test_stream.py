"""passt's protocol: frames with their length over a stream, in whatever pieces they come."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.net import header
from kvmctl.vmm.devices.virtio.net.link import StreamLink
from tests.budget import examples


@pytest.fixture
def pair() -> Iterator[tuple[StreamLink, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        yield StreamLink(ours.detach()), theirs


def _receive(link: StreamLink) -> bytes:
    room = bytearray(header.SIZE + header.LARGEST_PLAIN_FRAME)
    view = memoryview(room)
    size = link.receive([view[:5], view[5:]])
    assert room[: header.SIZE] == header.EMPTY
    return bytes(room[header.SIZE : size])


@examples(50)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=6), st.integers(1, 300))
def test_frames_in_pieces(frames: list[bytes], piece: int) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        link = StreamLink(ours.detach())
        data = b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)
        received = []
        for start in range(0, len(data), piece):
            theirs.sendall(data[start : start + piece])
            try:
                while True:
                    received.append(_receive(link))
            except BlockingIOError:
                continue
        assert received == frames


def test_a_frame_that_the_socket_takes_in_parts(pair: tuple[StreamLink, socket.socket]) -> None:
    link, peer = pair
    frame = bytes(range(256)) * 256
    whole = struct.pack(">I", len(frame)) + frame
    received = bytearray()

    def read() -> None:
        while data := peer.recv(1 << 16):
            received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    sent = 0
    for _ in range(64):
        with suppress(BlockingIOError):  # a full network drops whole frames
            link.send(header.EMPTY, [memoryview(frame)[:100], memoryview(frame)[100:]])
            sent += 1
    deadline = time.monotonic() + 20
    while len(received) < sent * len(whole) and time.monotonic() < deadline:
        time.sleep(0.01)
    peer.shutdown(socket.SHUT_RDWR)
    reader.join(20)
    assert sent
    assert bytes(received) == whole * sent


def test_the_end_of_passt(pair: tuple[StreamLink, socket.socket]) -> None:
    link, peer = pair
    peer.close()
    with pytest.raises(ConnectionResetError):
        _receive(link)


def test_a_length_that_is_none(pair: tuple[StreamLink, socket.socket]) -> None:
    link, peer = pair
    peer.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(ConnectionAbortedError):
        _receive(link)
