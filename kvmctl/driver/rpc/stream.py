"""Data streams: bytes both ways under the serial of the call that opened them.

A packet's status says what it is: CONTINUE carries data (none at all: the sender has no more), OK asks for or
confirms the end, ERROR aborts (libvirt, docs/kbase/internals/rpc.rst).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from kvmctl.driver.rpc.errors import ErrorCode, ErrorDomain, VirError
from kvmctl.driver.rpc.message import STREAM_CHUNK, MessageType, Status

RECEIVE_MAX: Final = 1024 * 1024

Send = Callable[[Status, bytes], Awaitable[None]]


class Stream:
    """The daemon's end of one stream.

    ``read`` gives ``b""`` once the client has finished; ``finish`` then confirms. A daemon without more
    data calls ``finish`` too: the client learns of it, and its own finish is confirmed when it comes.
    After an abort by either side, or the loss of the client, ``read`` and ``write`` raise the reason.
    """

    def __init__(self, serial: int, send: Send, forget: Callable[[Stream], None]) -> None:
        self.serial = serial
        self._send = send
        self._forget = forget
        self._received: deque[bytes] = deque()
        self._received_size = 0
        self._changed = asyncio.Condition()
        self._opened = asyncio.Event()
        self._client_finished = False
        self._finishing = False
        self._error: VirError | None = None
        self._closed = False
        self._on_close: list[Callable[[], None]] = []

    # for the handler

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._closed

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call back once, when the stream has ended in whatever way; at once if it already has."""
        if self._closed:
            callback()
        else:
            self._on_close.append(callback)

    async def read(self) -> bytes:
        """The next piece of the client's data, or ``b""`` when the client has finished."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._received or self._client_finished or self._closed)
            if self._received:
                data = self._received.popleft()
                self._received_size -= len(data)
                self._changed.notify_all()
                return data
        if self._error is not None:
            raise self._error
        return b""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data; returns when the connection has room for more."""
        await self._opened.wait()
        view = memoryview(data)
        for start in range(0, len(view), STREAM_CHUNK):
            if self._error is not None:
                raise self._error
            if self._closed or self._finishing:
                raise VirError(ErrorCode.OPERATION_INVALID, "stream is not open", ErrorDomain.STREAMS)
            if self._client_finished:
                return
            await self._send(Status.CONTINUE, bytes(view[start : start + STREAM_CHUNK]))

    async def finish(self) -> None:
        """No more data from here."""
        await self._opened.wait()
        if self._closed or self._finishing:
            return
        self._finishing = True
        if self._client_finished:
            await self._send(Status.OK, b"")
            await self.close()
        else:
            await self._send(Status.CONTINUE, b"")

    async def abort(self, error: VirError) -> None:
        """End the stream with an error that the client gets to see."""
        await self._opened.wait()
        if not self._closed:
            await self.close(error)
            await self._send(Status.ERROR, error.to_wire())

    # for the connection

    def open(self) -> None:
        """The reply to the opening call is on its way: data may follow it."""
        self._opened.set()

    async def receive(self, kind: MessageType, status: Status, payload: bytes) -> None:
        """Take one packet; waits while the handler is too far behind, and the client with it."""
        if kind is MessageType.STREAM_HOLE:
            await self.abort(VirError(ErrorCode.RPC, "Unexpected stream hole", ErrorDomain.STREAMS))
        elif status is Status.CONTINUE:
            await self._take(payload)
        elif status is Status.OK:
            await self._client_finish()
        else:
            await self.close(
                VirError(ErrorCode.OPERATION_ABORTED, "stream aborted by the client", ErrorDomain.STREAMS)
            )
            await self._send(Status.OK, b"")

    async def _take(self, payload: bytes) -> None:
        if not payload or self._finishing:
            return
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._received_size < RECEIVE_MAX)
            if not self._closed:
                self._received.append(payload)
                self._received_size += len(payload)
                self._changed.notify_all()

    async def _client_finish(self) -> None:
        self._client_finished = True
        if self._finishing:
            await self._send(Status.OK, b"")
            await self.close()
        else:
            async with self._changed:
                self._changed.notify_all()

    async def close(self, error: VirError | None = None) -> None:
        """End the stream on this side without a word to the client."""
        if self._closed:
            return
        self._closed = True
        self._error = error
        if error is not None:
            self._received.clear()
        self._opened.set()
        self._forget(self)
        callbacks, self._on_close = self._on_close, []
        for callback in callbacks:
            callback()
        async with self._changed:
            self._changed.notify_all()
