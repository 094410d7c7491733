"""The host end of a character device on a unix socket: one client at a time, the next ones wait.

What the guest writes while nobody is connected is lost, as with QEMU. A client that does not read fills a
backlog: a device that can wait does so while it is `full`, one that cannot loses the oldest bytes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.chardev import BACKLOG_SIZE, Backlog
from kvmctl.vmm.devices.platform import Receiver

log = logging.getLogger(__name__)

_FULL: Final = BACKLOG_SIZE
_LIMIT: Final = 2 * BACKLOG_SIZE


class SocketChardev:
    """`write`, `room_again`, `full` and `connected` may be used by any thread."""

    def __init__(
        self,
        label: str,
        loop: asyncio.AbstractEventLoop,
        device_lock: threading.RLock,
        end: socket.socket,
        log_fd: int | None = None,
    ) -> None:
        """`end` listens, or is connected already and is not replaced when its peer goes."""
        self.label = label
        self.frontend_open = True
        self._loop = loop
        self._device_lock = device_lock
        self._log_fd = log_fd
        self._receiver: Receiver | None = None
        self._watcher: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._backlog = Backlog(_LIMIT)
        self._client: socket.socket | None = None
        self._hang_up = select.epoll()
        self._input_waits = False
        end.setblocking(False)
        listens = end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        self._listening = end if listens else None
        self._name = (end.getsockname() if listens else end.getpeername()) or ""
        loop.add_reader(self._hang_up.fileno(), self._hung_up)
        if listens:
            loop.add_reader(end.fileno(), self._accept)
        else:
            self._take(end)

    @property
    def filename(self) -> str:
        role = "disconnected:" if self._client is None else ""
        return f"{role}unix:{self._name}{',server=on' if self._listening else ''}"

    @property
    def connected(self) -> bool:
        return self._client is not None

    @property
    def full(self) -> bool:
        """Whether the client is to read first."""
        return len(self._backlog) >= _FULL

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is called, on the main thread, when a client has come, gone or read."""
        self._watcher = changed

    # output

    def write(self, data: bytes) -> None:
        if self._log_fd is not None:
            self._write_log(self._log_fd, data)
        with self._lock:
            if self._client is None:
                return
            if not self._backlog:
                data = data[self._send(self._client, data) :]
                if not data:
                    return
                self._loop.call_soon_threadsafe(self._wait_writable, self._client)
            self._backlog.append(data)

    def _send(self, client: socket.socket, data: bytes) -> int:
        """How many bytes are dealt with; for a peer that is gone that is all of them."""
        try:
            return client.send(data, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def _write_log(self, fd: int, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(fd, data) :]
        except OSError as error:
            log.warning("%s: the log file takes no more: %s", self.label, error.strerror)
            self._log_fd = None

    def _wait_writable(self, client: socket.socket) -> None:
        if client is self._client:
            self._loop.add_writer(client.fileno(), self._flush)

    def _flush(self) -> None:
        with self._lock:
            if self._client is None:
                return
            data = self._backlog.take()
            rest = data[self._send(self._client, data) :]
            if rest:
                self._backlog.append(rest)
            else:
                self._loop.remove_writer(self._client.fileno())
        self._watcher()

    # clients, on the main thread

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            client, _ = self._listening.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                log.warning("%s: no client can connect: %s", self.label, error.strerror)
            return
        client.setblocking(False)
        self._loop.remove_reader(self._listening.fileno())
        self._take(client)
        self._watcher()

    def _take(self, client: socket.socket) -> None:
        with self._lock:
            self._client = client
        # No event is asked for: that the peer is gone is told in any case, also while no input is wanted.
        self._hang_up.register(client.fileno(), 0)
        self._watch_input()

    def _hung_up(self) -> None:
        if self._hang_up.poll(0) and self._input_waits:
            self._drop()

    def _drop(self) -> None:
        """The client has gone; what it has not read is lost."""
        client = self._client
        if client is None:
            return
        self._hang_up.unregister(client.fileno())
        self._loop.remove_reader(client.fileno())
        self._loop.remove_writer(client.fileno())
        with self._lock:
            self._client = None
            self._backlog.take()
            client.close()
        self._input_waits = False
        if self._listening is not None:
            self._loop.add_reader(self._listening.fileno(), self._accept)
        self._watcher()

    # input

    def connect(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._watch_input()

    def room_again(self) -> None:
        self._loop.call_soon_threadsafe(self._resume_input)

    def _resume_input(self) -> None:
        if self._input_waits:
            self._input_waits = False
            self._watch_input()

    def _watch_input(self) -> None:
        if self._client is not None and self._receiver is not None:
            self._loop.add_reader(self._client.fileno(), self._readable)

    def _readable(self) -> None:
        client, receiver = self._client, self._receiver
        if client is None or receiver is None:
            return
        with self._device_lock:
            room = receiver.room()
            if room > 0:
                try:
                    data = client.recv(room)
                except BlockingIOError:
                    return
                except OSError:
                    data = b""
                if data:
                    receiver.receive(data)
                    return
        if room > 0:
            self._drop()
            return
        self._input_waits = True
        self._loop.remove_reader(client.fileno())
        self._hung_up()

    def close(self) -> None:
        client, listening = self._client, self._listening
        self._listening = None
        self._watcher = lambda: None
        if listening is not None:
            self._loop.remove_reader(listening.fileno())
            listening.close()
        if client is not None:
            self._drop()
        self._loop.remove_reader(self._hang_up.fileno())
        self._hang_up.close()
