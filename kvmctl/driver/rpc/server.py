"""The server: listening sockets, their clients, and the handlers that answer."""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmctl.driver.rpc import builtin
from kvmctl.driver.rpc.connection import Authenticate, Connection
from kvmctl.driver.rpc.keepalive import KeepaliveSettings
from kvmctl.driver.rpc.procedures import Kind, Procedure
from kvmctl.driver.rpc.spare import Spare

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1
"""After a client that could not be accepted."""

Handler = Callable[..., Any]
"""``(connection, arguments) -> result``; a stream procedure's handler takes the stream as third.

A plain function answers before the client's next message is looked at, a coroutine beside what comes then.
"""
Handlers = Mapping[Procedure, Handler]


@dataclass(frozen=True, slots=True)
class Limits:
    """libvirtd's defaults, except that a client may have more calls pending.

    ``anonymous`` is how many may be connected without having opened; 0 for any number.
    """

    clients: int = 5000
    anonymous: int = 20
    pending_calls: int = 20
    streams: int = 256
    """Of one client at a time."""
    event_backlog: int = 16 * 1024 * 1024
    keepalive: KeepaliveSettings = field(default_factory=KeepaliveSettings)


class Server:
    """Serves any number of listening sockets until closed.

    ``authenticate`` is asked about clients of sockets that are not read-only, except root's.
    ``on_connect`` and ``on_disconnect`` let the daemon follow its clients: idle timeout, subscriptions.
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        limits: Limits | None = None,
        authenticate: Authenticate | None = None,
        on_connect: Callable[[Connection], None] | None = None,
        on_disconnect: Callable[[Connection], None] | None = None,
    ) -> None:
        for procedure in handlers:
            if procedure.kind is Kind.EVENT:
                raise ValueError(f"{procedure.name} is an event; nobody calls it")
        self.handlers = handlers
        self._at_once = frozenset(
            int(procedure)
            for procedure, handler in handlers.items()
            if not inspect.iscoroutinefunction(handler) and procedure not in builtin.HANDLERS
        )
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self._authenticate = authenticate
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()

    async def serve(self, listening: socket.socket, *, readonly: bool = False) -> None:
        """Accept clients until cancelled; those beyond the limit wait in the socket's queue."""
        listening.setblocking(False)
        spare = Spare()
        try:
            await self._serve(listening, spare, readonly)
        finally:
            spare.close()

    async def _serve(self, listening: socket.socket, spare: Spare, readonly: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._full():
                self._room.clear()
                await self._room.wait()
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:
                # Out of descriptors or memory: the clients that end give some back.
                log.warning("cannot accept a client: %s", error.strerror)
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    spare.hang_up(listening)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            reader, writer = await asyncio.open_unix_connection(sock=accepted)
            connection = Connection(
                self.handlers,
                self.limits,
                reader,
                writer,
                readonly=readonly,
                authenticate=None if readonly else self._authenticate,
                at_once=self._at_once,
                on_open=self._room.set,
            )
            self.connections.add(connection)
            if self._on_connect:
                self._on_connect(connection)
            task = asyncio.create_task(self._run(connection), name=f"client {connection.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _full(self) -> bool:
        anonymous = sum(not connection.opened for connection in self.connections)
        limits = self.limits
        return len(self.connections) >= limits.clients or 0 < limits.anonymous <= anonymous

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            self._room.set()
            if self._on_disconnect:
                self._on_disconnect(connection)
            await connection.settle()

    async def close(self, grace: float = 5.0) -> None:
        """Drop every client; calls still in progress after ``grace`` seconds are cancelled."""
        for connection in list(self.connections):
            connection.drop("the daemon ends")
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
