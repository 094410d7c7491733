"""The QMP server (QEMU docs/interop/qmp-spec): greeting, negotiation, commands, errors, events.

Several clients may be connected; each negotiates for itself and gets every event from then on. A client that
does not read is dropped when too much waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Mapping
from typing import Final

from kvmctl.vmm.jsonstream import JsonSplitter, TooLong
from kvmctl.vmm.qmp import Command, Handler, QmpError

MAX_MESSAGE: Final = 64 << 10
MAX_UNREAD: Final = 1 << 20
_NEGOTIATE: Final = "qmp_capabilities"
_DRAIN_POLL: Final = 0.005

log = logging.getLogger(__name__)


class QmpServer:
    """All clients of one listening socket."""

    def __init__(self, version: Mapping[str, object]) -> None:
        self.commands: dict[str, Command] = {}
        self.version = version
        self._clients: set[_Client] = set()
        self._server: asyncio.AbstractServer | None = None

    async def serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Client(self), sock=listening)

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        """Tell every client that has finished negotiation."""
        microseconds = time.time_ns() // 1000
        seconds, microseconds = divmod(microseconds, 1_000_000)
        message: dict[str, object] = {
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": event,
        }
        if data:
            message["data"] = dict(data)
        for client in list(self._clients):
            if client.negotiated:
                client.send(message)

    async def close(self, timeout: float) -> None:
        """Let the clients have what is on its way to them, then hang up."""
        if self._server is not None:
            self._server.close()
        deadline = time.monotonic() + timeout
        while any(client.unsent for client in self._clients) and time.monotonic() < deadline:
            await asyncio.sleep(_DRAIN_POLL)
        for client in list(self._clients):
            client.close()

    def add(self, client: _Client) -> None:
        self._clients.add(client)

    def discard(self, client: _Client) -> None:
        self._clients.discard(client)


class DeviceMonitor:
    """The server, as devices see it (qmp.Monitor)."""

    def __init__(self, server: QmpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        self._server.commands[name] = Command(handler, arguments)

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        self._loop.call_soon_threadsafe(self._server.emit, event, data)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: QmpServer) -> None:
        self.negotiated = False
        self._server = server
        self._splitter = JsonSplitter(MAX_MESSAGE)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.add(self)
        self.send({"QMP": {"version": dict(self._server.version), "capabilities": []}})

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._splitter.feed(data)
        except TooLong:
            self._send_error(QmpError("JSON token size limit exceeded"), {})
            self.close()
            return
        for message in messages:
            self._answer(message)

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def send(self, message: Mapping[str, object]) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self.unsent > MAX_UNREAD:
            log.warning("a QMP client does not read its socket and is dropped")
            self._transport.abort()
            return
        self._transport.write(json.dumps(message).encode() + b"\r\n")

    def _send_error(self, error: QmpError, reply: dict[str, object]) -> None:
        self.send({**reply, "error": {"class": error.kind, "desc": str(error)}})

    def _answer(self, message: bytes) -> None:
        reply: dict[str, object] = {}
        try:
            request = _parse(message)
            if "id" in request:
                reply["id"] = request["id"]
            result = self._execute(request)
        except QmpError as error:
            self._send_error(error, reply)
        except Exception as error:
            log.exception("QMP command failed")
            self._send_error(QmpError(f"internal error: {error}"), reply)
        else:
            self.send({**reply, "return": {} if result is None else result})

    def _execute(self, request: Mapping[str, object]) -> object:
        name, arguments = _command_of(request)
        if name == _NEGOTIATE:
            self._negotiate(arguments)
            return None
        if not self.negotiated:
            raise QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", "CommandNotFound")
        command = self._server.commands.get(name)
        if command is None:
            raise QmpError(f"The command {name} has not been found", "CommandNotFound")
        _refuse_unknown(arguments, command.arguments)
        return command.handler(arguments)

    def _negotiate(self, arguments: Mapping[str, object]) -> None:
        if self.negotiated:
            raise QmpError("Capabilities negotiation is already complete, command ignored", "CommandNotFound")
        _refuse_unknown(arguments, frozenset({"enable"}))
        enable = arguments.get("enable", [])
        if not isinstance(enable, list):
            raise QmpError("Invalid parameter type for 'enable', expected: array")
        if enable:
            raise QmpError(f"Capability {enable[0]} is not available")
        self.negotiated = True


def _parse(message: bytes) -> dict[str, object]:
    try:
        request = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise QmpError(f"Invalid JSON syntax: {error}") from error
    if not isinstance(request, dict):
        raise QmpError("QMP input must be a JSON object")
    return request


def _command_of(request: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    for member in request:
        if member not in ("execute", "arguments", "id"):
            raise QmpError(f"QMP input member '{member}' is unexpected")
    if "execute" not in request:
        raise QmpError("QMP input lacks member 'execute'")
    name = request["execute"]
    if not isinstance(name, str):
        raise QmpError("QMP input member 'execute' must be a string")
    arguments = request.get("arguments", {})
    if not isinstance(arguments, dict):
        raise QmpError("QMP input member 'arguments' must be an object")
    return name, arguments


def _refuse_unknown(arguments: Mapping[str, object], known: frozenset[str]) -> None:
    for argument in arguments:
        if argument not in known:
            raise QmpError(f"Parameter '{argument}' is unexpected")
