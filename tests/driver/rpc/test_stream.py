"""Streams: both directions, all the ways they end, and what happens when one side is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kvmctl.driver.rpc import Connection, ErrorCode, Handlers, Limits, Procedure, Stream, VirError, types
from kvmctl.driver.rpc.errors import ErrorMessage
from kvmctl.driver.rpc.message import STREAM_CHUNK, MessageType, Status
from kvmctl.driver.rpc.stream import RECEIVE_MAX
from kvmctl.driver.rpc.xdr import decode, encode

from .client import Client, RemoteError
from .fakes import DEMO, HANDLERS
from .harness import run, serving

CONSOLE = Procedure.DOMAIN_OPEN_CONSOLE
ARGUMENTS = encode(types.DomainOpenConsoleArgs(DEMO, None, 0))
Body = Callable[[Stream], Awaitable[None]]


class Console:
    """The client's end of a console stream."""

    def __init__(self, client: Client, serial: int) -> None:
        self.client = client
        self.serial = serial

    @classmethod
    async def open(cls, client: Client) -> Console:
        serial = client.send(CONSOLE, ARGUMENTS)
        header, _ = await client.reply()
        assert (header.type, header.serial) == (MessageType.REPLY, serial)
        return cls(client, serial)

    def send(
        self, data: bytes = b"", status: Status = Status.CONTINUE, kind: MessageType = MessageType.STREAM
    ) -> None:
        self.client.send(CONSOLE, data, serial=self.serial, kind=kind, status=status)

    async def receive(self) -> tuple[Status, bytes]:
        header, payload = await self.client.receive()
        assert (header.type, header.serial, header.procedure) == (MessageType.STREAM, self.serial, CONSOLE)
        return header.status, payload


def with_console(body: Body, test: Callable[[Console], Awaitable[None]], *, leaves: bool = False) -> None:
    """Run the daemon's end and the client's end of one stream."""
    ends: list[asyncio.Task[None]] = []

    async def handler(_connection: Connection, _arguments: Any, stream: Stream) -> None:
        async def end() -> None:
            await body(stream)

        ends.append(asyncio.create_task(end()))

    async def both() -> None:
        async with serving({**HANDLERS, CONSOLE: handler}) as (_, path), Client.connect(path) as client:
            await test(await Console.open(client))
            if not leaves:
                assert (await client.call(Procedure.CONNECT_GET_TYPE)).type == "kvmctl"
        await asyncio.wait_for(asyncio.gather(*ends), 5)

    run(both)


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)
    await stream.finish()


def test_data_goes_both_ways_and_the_client_finishes() -> None:
    async def test(console: Console) -> None:
        console.send(b"hello")
        assert await console.receive() == (Status.CONTINUE, b"hello")
        console.send()
        console.send(b"world")
        assert await console.receive() == (Status.CONTINUE, b"world")
        console.send(status=Status.OK)
        assert await console.receive() == (Status.OK, b"")

    with_console(echo, test)


def test_the_daemon_finishes() -> None:
    async def body(stream: Stream) -> None:
        await stream.write(b"bye")
        await stream.finish()
        await stream.finish()
        assert await stream.read() == b""
        assert stream.closed

    async def test(console: Console) -> None:
        assert await console.receive() == (Status.CONTINUE, b"bye")
        assert await console.receive() == (Status.CONTINUE, b"")
        console.send(b"too late")
        console.send(status=Status.OK)
        assert await console.receive() == (Status.OK, b"")

    with_console(body, test)


def test_the_client_aborts() -> None:
    ended: list[bool] = []

    async def body(stream: Stream) -> None:
        stream.on_close(lambda: ended.append(True))
        assert await stream.read() == b"x"
        with pytest.raises(VirError) as caught:
            await stream.read()
        assert caught.value.code is ErrorCode.OPERATION_ABORTED
        with pytest.raises(VirError):
            await stream.write(b"x")
        stream.on_close(lambda: ended.append(True))

    async def test(console: Console) -> None:
        console.send(b"x")
        await asyncio.sleep(0.05)
        console.send(status=Status.ERROR)
        assert await console.receive() == (Status.OK, b"")
        console.send(b"late packets are ignored")

    with_console(body, test)
    assert ended == [True, True]


def test_the_daemon_aborts() -> None:
    async def body(stream: Stream) -> None:
        await stream.abort(VirError(ErrorCode.OPERATION_FAILED, "the guest has gone"))

    async def test(console: Console) -> None:
        status, payload = await console.receive()
        assert status is Status.ERROR
        assert decode(ErrorMessage, payload).message == "operation failed: the guest has gone"

    with_console(body, test)


def test_a_hole_is_refused() -> None:
    async def body(stream: Stream) -> None:
        with pytest.raises(VirError, match="hole"):
            await stream.read()

    async def test(console: Console) -> None:
        console.send(bytes(12), kind=MessageType.STREAM_HOLE)
        status, payload = await console.receive()
        assert status is Status.ERROR
        assert decode(ErrorMessage, payload).code == ErrorCode.RPC

    with_console(body, test)


def test_large_data_is_cut_into_packets() -> None:
    data = bytes(range(256)) * 4096

    async def body(stream: Stream) -> None:
        await stream.write(data)
        await stream.finish()

    async def test(console: Console) -> None:
        received = b""
        while True:
            status, payload = await console.receive()
            assert status is Status.CONTINUE
            if not payload:
                break
            assert len(payload) <= STREAM_CHUNK
            received += payload
        assert received == data
        console.send(status=Status.OK)
        assert await console.receive() == (Status.OK, b"")

    with_console(body, test)


def test_a_client_that_does_not_read_stops_the_writer() -> None:
    written = 0

    async def body(stream: Stream) -> None:
        nonlocal written
        with pytest.raises(VirError, match="gone"):
            while True:
                await stream.write(bytes(100_000))
                written += 100_000

    async def test(console: Console) -> None:
        await asyncio.sleep(0.3)
        before = written
        await asyncio.sleep(0.2)
        assert before == written < 4_000_000
        console.client.writer.transport.abort()

    with_console(body, test, leaves=True)


def test_a_handler_that_does_not_read_stops_the_client() -> None:
    go = asyncio.Event()
    received = 0

    async def body(stream: Stream) -> None:
        nonlocal received
        await go.wait()
        while data := await stream.read():
            received += len(data)
        await stream.finish()

    async def test(console: Console) -> None:
        count = 200
        for _ in range(count):
            console.send(bytes(50_000))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(console.client.writer.drain(), 0.3)
        assert console.client.writer.transport.get_write_buffer_size() > count * 50_000 - 4 * RECEIVE_MAX
        go.set()
        console.send(status=Status.OK)
        assert await console.receive() == (Status.OK, b"")
        assert received == count * 50_000

    with_console(body, test)


def test_the_stream_ends_with_its_client() -> None:
    ended = asyncio.Event()
    reason: list[str] = []

    async def handler(_connection: Connection, _arguments: Any, stream: Stream) -> None:
        async def end() -> None:
            try:
                await stream.read()
            except VirError as error:
                reason.append(str(error))
            ended.set()

        asyncio.get_running_loop().create_task(end())

    async def test() -> None:
        async with serving({CONSOLE: handler}) as (_, path):
            async with Client.connect(path) as client:
                await Console.open(client)
            await asyncio.wait_for(ended.wait(), 5)
            assert reason == ["the client has gone"]

    run(test)


def test_no_stream_opens_for_a_client_that_has_left() -> None:
    release = asyncio.Event()
    opened: list[Stream] = []

    async def slow(_connection: Connection, _arguments: Any) -> types.ConnectGetHostnameRet:
        await release.wait()
        return types.ConnectGetHostnameRet("slow")

    async def handler(_connection: Connection, _arguments: Any, stream: Stream) -> None:
        opened.append(stream)

    async def test() -> None:
        handlers: Handlers = {CONSOLE: handler, Procedure.CONNECT_GET_HOSTNAME: slow}
        async with serving(handlers, limits=Limits(pending_calls=1)) as (server, path):
            async with Client.connect(path) as client:
                client.send(Procedure.CONNECT_GET_HOSTNAME)
                # Read only when the slow call is over, together with the end of the connection.
                client.send(CONSOLE, ARGUMENTS)
            await asyncio.sleep(0.1)
            release.set()
            while server.connections:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert not opened

    run(test)


def test_a_refused_stream_leaves_nothing_behind() -> None:
    closed: list[bool] = []

    async def handler(_connection: Connection, _arguments: Any, stream: Stream) -> None:
        stream.on_close(lambda: closed.append(True))
        raise VirError(ErrorCode.OPERATION_INVALID, "domain is not running")

    async def test() -> None:
        async with serving({**HANDLERS, CONSOLE: handler}) as (_, path), Client.connect(path) as client:
            for _ in range(2):
                client.send(CONSOLE, ARGUMENTS, serial=7)
                with pytest.raises(RemoteError, match="domain is not running"):
                    await client.reply()
            assert closed == [True, True]
            Console(client, 7).send(b"data for no stream")
            assert (await client.call(Procedure.CONNECT_GET_TYPE)).type == "kvmctl"

    run(test)


def test_a_serial_in_use_is_refused() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path) as client:
            console = await Console.open(client)
            assert await console.receive() == (Status.CONTINUE, b"welcome\r\n")
            client.send(CONSOLE, ARGUMENTS, serial=console.serial)
            with pytest.raises(RemoteError, match="already has a stream"):
                await client.reply()
            console.send(b"still here")
            assert await console.receive() == (Status.CONTINUE, b"STILL HERE")

    run(test)
