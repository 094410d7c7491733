"""One client: reads its messages, runs its calls side by side, writes replies, events and stream data."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kvmctl.driver.rpc import builtin, keepalive
from kvmctl.driver.rpc import readonly as read_only
from kvmctl.driver.rpc.apinames import api_name
from kvmctl.driver.rpc.errors import ErrorCode, ErrorDomain, VirError
from kvmctl.driver.rpc.message import (
    HEADER_SIZE,
    KEEPALIVE_PING,
    KEEPALIVE_PROGRAM,
    LENGTH_SIZE,
    MESSAGE_INITIAL_MAX,
    MESSAGE_MAX,
    REMOTE_PROGRAM,
    REMOTE_VERSION,
    Header,
    MessageType,
    Status,
    frame,
    read_header,
)
from kvmctl.driver.rpc.procedures import Kind, Procedure
from kvmctl.driver.rpc.stream import Stream
from kvmctl.driver.rpc.xdr import XdrError, decode, encode

if TYPE_CHECKING:
    from kvmctl.driver.rpc.server import Handler, Handlers, Limits

log = logging.getLogger(__name__)

_ids = itertools.count(1)
_UCRED: Final = struct.Struct("3i")
_FLUSH_SECONDS: Final = 5.0
_VIR_CONNECT_RO: Final = 1
_CALLS_IN_A_ROW: Final = 16
"""How many calls a client that sends them in one go gets answered before the others have their turn."""

# What a client may call before CONNECT_OPEN.
_BEFORE_OPEN: Final = frozenset(
    {
        Procedure.AUTH_LIST,
        Procedure.AUTH_POLKIT,
        Procedure.AUTH_SASL_INIT,
        Procedure.AUTH_SASL_START,
        Procedure.AUTH_SASL_STEP,
        Procedure.CONNECT_OPEN,
        Procedure.CONNECT_CLOSE,
        Procedure.CONNECT_SET_IDENTITY,
        Procedure.CONNECT_SUPPORTS_FEATURE,
    }
)


_BEFORE_AUTHENTICATION: Final = frozenset(
    {Procedure.AUTH_LIST, Procedure.AUTH_POLKIT, Procedure.CONNECT_CLOSE}
)


class ProtocolError(Exception):
    """The client broke the framing: there is nothing to answer, it is dropped."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end of a Unix socket (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"pid {self.pid}, uid {self.uid}, gid {self.gid}"


Authenticate = Callable[[Credentials], Awaitable[bool]]
"""Whether who is there may use a read-write socket."""


class Connection:
    """A connected client.

    ``readonly`` comes from the socket or from the client's wish (VIR_CONNECT_RO); ``handlers`` are the
    daemon's, and those of ``at_once`` never wait; ``context`` is the handlers' own.
    """

    def __init__(
        self,
        handlers: Handlers,
        limits: Limits,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        readonly: bool,
        authenticate: Authenticate | None = None,
        at_once: Container[int] = (),
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_open = on_open
        self.id = next(_ids)
        self.readonly = readonly
        self.opened = False
        self.context: dict[str, Any] = {}
        self.credentials = _credentials(writer)
        self._authenticate = authenticate
        self.authenticated = authenticate is None or self.credentials.uid == 0
        self.handlers = handlers
        self._at_once = at_once
        self._in_a_row = 0
        self._limits = limits
        self._reader = reader
        self._writer = writer
        self._calls: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(limits.pending_calls)
        self._streams: dict[tuple[int, int], Stream] = {}
        self._heard = asyncio.get_running_loop().time()
        self._watcher: asyncio.Task[None] | None = None
        self._closing = False
        self._ended = False
        self._stalled = False
        self._writing = asyncio.Lock()

    # for handlers

    async def authenticate(self) -> bool:
        """Ask who knows whether this client may come in."""
        if not self.authenticated and self._authenticate is not None:
            self.authenticated = await self._authenticate(self.credentials)
        return self.authenticated

    async def send_event(self, procedure: Procedure, event: object) -> None:
        """Queue an event. Never waits: a client that lets too much pile up is dropped."""
        if procedure.kind is not Kind.EVENT:
            raise ValueError(f"{procedure.name} is no event")
        if not isinstance(event, procedure.arguments or ()):
            raise TypeError(f"{type(event).__name__} is not what {procedure.name} carries")
        header = Header(REMOTE_PROGRAM, REMOTE_VERSION, procedure, MessageType.EVENT, 0, Status.OK)
        self._write_unasked(frame(header, encode(event)))

    @property
    def gone(self) -> bool:
        """Whether the client has left; its calls may still be carried out."""
        return self._ended

    def start_keepalive(self) -> None:
        """The client understands keepalive messages: from now on it has to answer them."""
        if self._watcher is None and self._limits.keepalive.interval > 0:
            self._watcher = asyncio.create_task(self._watch(), name=f"keepalive of client {self.id}")

    def close_after_reply(self) -> None:
        """Close once the client's CONNECT_CLOSE has its reply."""
        self._closing = True

    def drop(self, reason: str) -> None:
        """Cut the client off at once."""
        log.info("client %d dropped: %s", self.id, reason)
        self._writer.transport.abort()

    # the life of a connection

    async def run(self) -> None:
        """Serve the client until it leaves or is dropped; calls in progress may outlast this (``settle``)."""
        try:
            while True:
                await self._message(*await self._receive())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except (ProtocolError, XdrError) as error:
            log.warning("client %d broke the protocol: %s", self.id, error)
        finally:
            await self._shut_down()

    async def settle(self) -> None:
        """Wait for the calls in progress: what a client asked for is done even when it no longer listens."""
        try:
            while self._calls:
                await asyncio.wait(self._calls)
        except asyncio.CancelledError:
            for task in self._calls:
                task.cancel()
            raise

    async def _shut_down(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._ended = True
        for stream in list(self._streams.values()):
            await stream.close(_gone())
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), _FLUSH_SECONDS)
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _watch(self) -> None:
        await keepalive.watch(
            self._limits.keepalive, self._last_heard, lambda: self._write_unasked(keepalive.PING)
        )
        self.drop("it does not answer keepalive messages")

    def _last_heard(self) -> float:
        # While nothing is read because of our own limits, silence says nothing about the client.
        return asyncio.get_running_loop().time() if self._stalled else self._heard

    # input

    async def _receive(self) -> tuple[Header, bytes]:
        length = int.from_bytes(await self._reader.readexactly(LENGTH_SIZE), "big") - LENGTH_SIZE
        maximum = MESSAGE_MAX if self.opened else MESSAGE_INITIAL_MAX
        if not HEADER_SIZE <= length <= maximum:
            raise ProtocolError(f"message of {length} bytes, allowed are {HEADER_SIZE} to {maximum}")
        data = await self._reader.readexactly(length)
        self._heard = asyncio.get_running_loop().time()
        return read_header(data[:HEADER_SIZE]), data[HEADER_SIZE:]

    async def _message(self, header: Header, payload: bytes) -> None:
        if header.program == KEEPALIVE_PROGRAM:
            if header.type is MessageType.EVENT and header.procedure == KEEPALIVE_PING:
                self._write_unasked(keepalive.PONG)
        elif header.type is MessageType.CALL and header.procedure in self._at_once:
            with self._stall():
                await self._call(header, payload)
            self._in_a_row += 1
            if self._in_a_row % _CALLS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        elif header.type is MessageType.CALL:
            with self._stall():
                await self._slots.acquire()
            task = asyncio.create_task(self._call(header, payload), name=_name(header.procedure))
            self._calls.add(task)
            task.add_done_callback(self._call_done)
        elif header.type in (MessageType.STREAM, MessageType.STREAM_HOLE):
            stream = self._streams.get((header.procedure, header.serial))
            # Packets may still arrive for a stream that has ended.
            if stream is not None and header.program == REMOTE_PROGRAM:
                with self._stall():
                    await stream.receive(header.type, header.status, payload)
        else:
            # Descriptors would follow a CALL_WITH_FDS in the byte stream; we never offer the feature.
            raise ProtocolError(f"message of type {header.type.name}")

    @contextlib.contextmanager
    def _stall(self) -> Iterator[None]:
        self._stalled = True
        try:
            yield
        finally:
            self._stalled = False
            self._heard = asyncio.get_running_loop().time()

    # calls

    def _call_done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._slots.release()

    async def _call(self, header: Header, payload: bytes) -> None:
        stream: Stream | None = None
        try:
            procedure = _procedure(header)
            arguments = _arguments(procedure, payload)
            handler = self._handler(procedure, arguments)
            if procedure.kind is Kind.STREAM:
                stream = self._open_stream(header)
                result = handler(self, arguments, stream)
            else:
                result = handler(self, arguments)
            if inspect.isawaitable(result):
                result = await result
            if procedure is Procedure.CONNECT_OPEN:
                self.opened = True
                self._on_open()
                self.readonly |= bool(arguments.flags & _VIR_CONNECT_RO)
            reply = _result(procedure, result)
        except VirError as error:
            await self._fail(header, error, stream)
        except Exception as error:
            log.exception("%s failed", _name(header.procedure))
            detail = str(error) or type(error).__name__
            await self._fail(header, VirError(ErrorCode.INTERNAL_ERROR, detail), stream)
        else:
            await self._send(_reply_to(header, Status.OK), reply)
            if stream is not None:
                stream.open()
        if self._closing and header.procedure == Procedure.CONNECT_CLOSE:
            self._writer.close()

    def _handler(self, procedure: Procedure, arguments: Any) -> Handler:
        if procedure is Procedure.CONNECT_OPEN and self.opened:
            raise VirError(ErrorCode.INTERNAL_ERROR, "connection already open", ErrorDomain.RPC)
        if not self.authenticated and procedure not in _BEFORE_AUTHENTICATION:
            raise VirError(ErrorCode.RPC, "authentication required", ErrorDomain.RPC)
        if procedure not in _BEFORE_OPEN and not self.opened:
            raise VirError(ErrorCode.INTERNAL_ERROR, "connection not open", ErrorDomain.RPC)
        if self.readonly:
            read_only.check(procedure, arguments)
        handler: Handler | None = builtin.HANDLERS.get(procedure) or self.handlers.get(procedure)
        if handler is None:
            raise VirError(ErrorCode.NO_SUPPORT, api_name(procedure), ErrorDomain.RPC)
        if procedure.guarded:
            log.info("client %d (%s) calls %s", self.id, self.credentials, procedure.guarded)
        return handler

    async def _fail(self, header: Header, error: VirError, stream: Stream | None) -> None:
        if stream is not None:
            await stream.close(error)
        await self._send(_reply_to(header, Status.ERROR), error.to_wire())

    # streams

    def _open_stream(self, header: Header) -> Stream:
        if self._ended:
            raise _gone()
        key = (header.procedure, header.serial)
        if len(self._streams) >= self._limits.streams:
            raise VirError(
                ErrorCode.RPC, f"a client may have {self._limits.streams} streams", ErrorDomain.STREAMS
            )
        if key in self._streams:
            raise VirError(ErrorCode.RPC, f"serial {header.serial} already has a stream", ErrorDomain.STREAMS)
        stream_header = Header(
            REMOTE_PROGRAM, REMOTE_VERSION, header.procedure, MessageType.STREAM, header.serial, Status.OK
        )

        async def send(status: Status, data: bytes) -> None:
            await self._send(_with_status(stream_header, status), data)

        def forget(stream: Stream) -> None:
            self._streams.pop(key, None)

        stream = Stream(header.serial, send, forget)
        self._streams[key] = stream
        return stream

    # output

    async def _send(self, header: Header, payload: bytes) -> None:
        # One at a time, so that a client that reads slowly makes no more than one message wait in our buffer.
        async with self._writing:
            if self._writer.transport.is_closing():
                return
            self._writer.write(frame(header, payload))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    def _write_unasked(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > MESSAGE_MAX + self._limits.event_backlog:
            self.drop("it does not read its events")
        else:
            self._writer.write(data)


def _gone() -> VirError:
    return VirError(ErrorCode.RPC, "the client has gone", ErrorDomain.STREAMS)


def _credentials(writer: asyncio.StreamWriter) -> Credentials:
    peer: socket.socket = writer.get_extra_info("socket")
    return Credentials(*_UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def _name(procedure: int) -> str:
    return _NUMBERS[procedure].name if procedure in _NUMBERS else str(procedure)


def _procedure(header: Header) -> Procedure:
    if header.program != REMOTE_PROGRAM or header.version != REMOTE_VERSION:
        raise VirError(
            ErrorCode.RPC,
            f"Cannot find program {header.program} version {header.version}",
            ErrorDomain.RPC,
        )
    if header.status is not Status.OK:
        raise VirError(ErrorCode.RPC, f"Unexpected message status {header.status.value}", ErrorDomain.RPC)
    if header.procedure not in _NUMBERS or _NUMBERS[header.procedure].kind is Kind.EVENT:
        raise VirError(ErrorCode.RPC, f"unknown procedure: {header.procedure}", ErrorDomain.RPC)
    return _NUMBERS[header.procedure]


def _arguments(procedure: Procedure, payload: bytes) -> Any:
    try:
        if procedure.arguments is not None:
            return decode(procedure.arguments, payload)
        if payload:
            raise XdrError(f"{len(payload)} bytes for a procedure without arguments")
    except XdrError as error:
        raise VirError(
            ErrorCode.RPC, f"Unable to decode message payload of {procedure.name}: {error}", ErrorDomain.RPC
        ) from None
    return None


def _result(procedure: Procedure, result: Any) -> bytes:
    if procedure.result is None:
        return b""
    if not isinstance(result, procedure.result):
        raise TypeError(f"{procedure.name} answered {type(result).__name__}, not {procedure.result.__name__}")
    try:
        encoded = encode(result)
    except XdrError as error:
        # Parts of an answer may be a guest's own words, as many and as large as it likes.
        detail = f"the answer of {procedure.name} cannot be sent: {error}"
        raise VirError(ErrorCode.INTERNAL_ERROR, detail, ErrorDomain.RPC) from None
    if HEADER_SIZE + len(encoded) > MESSAGE_MAX:
        raise VirError(ErrorCode.RPC, f"the answer of {procedure.name} is too large", ErrorDomain.RPC)
    return encoded


def _reply_to(call: Header, status: Status) -> Header:
    return Header(call.program, call.version, call.procedure, MessageType.REPLY, call.serial, status)


def _with_status(header: Header, status: Status) -> Header:
    return Header(header.program, header.version, header.procedure, header.type, header.serial, status)


_NUMBERS: Final[Mapping[int, Procedure]] = {int(procedure): procedure for procedure in Procedure}
