"""A character device on a unix socket: clients that come and go, and that do not read."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from kvmctl.vmm.socketchardev import SocketChardev


class Device:
    """Takes what there is room for."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.free = room
        self.data = b""

    def room(self) -> int:
        return self.free

    def receive(self, data: bytes) -> None:
        self.data += data
        self.free -= len(data)


class Bench:
    def __init__(self, path: Path, device: Device) -> None:
        self.path = str(path)
        self.device = device
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path)
        listening.listen()
        self.chardev = SocketChardev("channel0", asyncio.get_running_loop(), threading.RLock(), listening)
        self.changes = 0
        self.chardev.watch(self._changed)
        self.chardev.connect(device)

    def _changed(self) -> None:
        self.changes += 1

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        client.setblocking(False)
        return client

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def bench(path: Path, device: Device | None = None) -> AsyncIterator[Bench]:
    made = Bench(path / "socket", device or Device())
    try:
        yield made
    finally:
        made.chardev.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


def test_data_both_ways_and_the_next_client(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as made:
            chardev = made.chardev
            chardev.write(b"nobody is there")
            assert chardev.filename == f"disconnected:unix:{made.path},server=on"
            for number in range(2):
                with made.client() as client:
                    await made.until(lambda: chardev.connected)
                    chardev.write(b"to the client")
                    assert client.recv(100) == b"to the client"
                    client.send(b"%d" % number)
                    await made.until(lambda: made.device.data.endswith(b"%d" % number))  # noqa: B023
                await made.until(lambda: not chardev.connected)
            assert made.device.data == b"01"
            assert made.changes == 4

    run(test)


def test_the_second_client_waits_for_the_first_to_go(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as made:
            first = made.client()
            await made.until(lambda: made.chardev.connected)
            with made.client() as second:
                second.send(b"second")
                await asyncio.sleep(0.01)
                assert made.device.data == b""
                first.close()
                await made.until(lambda: made.device.data == b"second")

    run(test)


def test_a_client_that_goes_while_the_guest_takes_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, Device(0)) as made:
            with made.client() as client:
                await made.until(lambda: made.chardev.connected)
                client.send(b"never taken")
                await asyncio.sleep(0.01)
                assert made.chardev.connected
            await made.until(lambda: not made.chardev.connected)
            made.device.free = 100
            made.chardev.room_again()
            with made.client() as client:
                client.send(b"taken")
                await made.until(lambda: made.device.data == b"taken")

    run(test)


def test_input_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, Device(4)) as made:
            with made.client() as client:
                client.send(b"abcdefgh")
                await made.until(lambda: made.device.data == b"abcd")
                made.device.free = 4
                made.chardev.room_again()
                await made.until(lambda: made.device.data == b"abcdefgh")

    run(test)


def test_a_client_that_does_not_read(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as made:
            chardev = made.chardev
            with made.client() as client:
                await made.until(lambda: chardev.connected)
                sent = b""
                while not chardev.full:
                    sent += (piece := len(sent).to_bytes(4, "big") * 256)
                    chardev.write(piece)
                assert made.changes == 1
                got = b""
                while len(got) < len(sent):
                    await asyncio.sleep(0)
                    try:
                        got += client.recv(1 << 16)
                    except BlockingIOError:
                        continue
                assert got == sent
                await made.until(lambda: not chardev.full and made.changes > 1)

    run(test)


def test_a_connected_end_is_not_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        chardev = SocketChardev("channel0", asyncio.get_running_loop(), threading.RLock(), ours)
        device = Device()
        chardev.connect(device)
        theirs.send(b"hello")
        while device.data != b"hello":
            await asyncio.sleep(0.001)
        theirs.close()
        while chardev.connected:
            await asyncio.sleep(0.001)
        chardev.write(b"gone")
        chardev.close()

    run(test)
