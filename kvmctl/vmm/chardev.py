"""The host end of a serial port: a pseudo terminal, a file or the standard streams, and a log file.

Output is written at once by the vCPU thread that produced it. A guest never waits for a reader: what a full
terminal does not take is kept, the most recent 64 KiB of it, and follows when the reader goes on. Input
is only taken from the host when the guest's device has room, so that a paste of any length arrives whole.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import termios
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from kvmctl.vmm.devices.platform import Receiver

BACKLOG_SIZE: Final = 64 << 10

# asm-generic/ioctls.h
_TIOCGPTN: Final = 0x8004_5430
_TIOCGPTPEER: Final = 0x5441

log = logging.getLogger(__name__)


class Backlog:
    """The most recent bytes that the reader has not taken yet."""

    def __init__(self, limit: int = BACKLOG_SIZE) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        while self._size > self._limit:
            excess = self._size - self._limit
            oldest = self._chunks.popleft()
            if len(oldest) > excess:
                self._chunks.appendleft(oldest[excess:])
            self._size -= min(len(oldest), excess)

    def take(self) -> bytes:
        """Everything, and the backlog is empty."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        return data


class FdChardev:
    """A character device on file descriptors; `write` and `room_again` may be called by any thread."""

    def __init__(
        self,
        label: str,
        loop: asyncio.AbstractEventLoop,
        device_lock: threading.RLock,
        *,
        out_fd: int,
        in_fd: int | None = None,
        log_fd: int | None = None,
        filename: str = "",
    ) -> None:
        self.label = label
        self.filename = filename
        self.frontend_open = True
        self._loop = loop
        self._device_lock = device_lock
        self._out_fd = out_fd
        self._in_fd = in_fd
        self._log_fd = log_fd
        self._receiver: Receiver | None = None
        self._input_waits = False
        self._output_lock = threading.Lock()
        self._backlog = Backlog()
        self._complained: set[str] = set()
        self._peer_fd: int | None = None
        self._escape = b""
        self._on_escape: Callable[[], None] | None = None

    connected = True
    """What nobody reads yet is kept."""
    full = False

    def watch(self, changed: Callable[[], None]) -> None:
        """There is nothing to wait for."""

    # output

    def write(self, data: bytes) -> None:
        with self._output_lock:
            if self._log_fd is not None:
                self._write_log(self._log_fd, data)
            if self._backlog:
                self._backlog.append(data)
                return
            written = self._try_write(data)
            if written < len(data):
                self._backlog.append(data[written:])
                self._loop.call_soon_threadsafe(self._wait_writable)

    def _try_write(self, data: bytes) -> int:
        """How many bytes are dealt with; an output that is broken for good swallows them all."""
        done = 0
        while done < len(data):
            try:
                done += os.write(self._out_fd, data[done:])
            except BlockingIOError:
                return done
            except OSError as error:
                self._complain("output", error)
                return len(data)
        return done

    def _write_log(self, fd: int, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(fd, data) :]
        except OSError as error:
            self._complain("log file", error)

    def _complain(self, what: str, error: OSError) -> None:
        if what not in self._complained:
            self._complained.add(what)
            log.warning("%s: bytes for the %s are lost: %s", self.label, what, error.strerror)

    def _wait_writable(self) -> None:
        self._loop.add_writer(self._out_fd, self._flush)

    def _flush(self) -> None:
        with self._output_lock:
            data = self._backlog.take()
            written = self._try_write(data)
            if written < len(data):
                self._backlog.append(data[written:])
            else:
                self._loop.remove_writer(self._out_fd)

    # input

    def on_escape(self, key: bytes, callback: Callable[[], None]) -> None:
        """Call back when the person types `key`."""
        self._escape = key
        self._on_escape = callback

    def connect(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._watch_input()

    def room_again(self) -> None:
        if self._input_waits:
            self._input_waits = False
            self._loop.call_soon_threadsafe(self._watch_input)

    def _watch_input(self) -> None:
        if self._in_fd is None:
            return
        try:
            self._loop.add_reader(self._in_fd, self._readable)
        except PermissionError:
            # epoll(7) does not take regular files, which are always readable.
            self._loop.call_soon(self._readable)

    def _readable(self) -> None:
        if self._in_fd is None or self._receiver is None:
            return
        with self._device_lock:
            room = self._receiver.room()
            if room <= 0:
                self._input_waits = True
                self._loop.remove_reader(self._in_fd)
                return
            try:
                data = os.read(self._in_fd, room)
            except BlockingIOError:
                return
            except OSError as error:
                self._complain("input", error)
                data = b""
            if data:
                if self._escape in data and self._on_escape is not None:
                    self._on_escape()
                self._receiver.receive(data)
                self._watch_input()
            else:
                self._loop.remove_reader(self._in_fd)
                self._in_fd = None

    # pseudo terminals

    def prepare_pty(self) -> None:
        """Make a master descriptor ours.

        Raw mode, or the line discipline would echo the guest's output back as its input. Holding the
        slave open keeps the master from reporting a hang-up while no console is attached.
        """
        self._peer_fd = fcntl.ioctl(self._out_fd, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        set_raw(self._peer_fd)

    def close(self) -> None:
        if self._in_fd is not None:
            self._loop.remove_reader(self._in_fd)
        with suppress(ValueError, OSError):
            self._loop.remove_writer(self._out_fd)
        if self._peer_fd is not None:
            os.close(self._peer_fd)
            self._peer_fd = None


def pty_number(master: int) -> int:
    """N of the slave /dev/pts/N behind a master descriptor; OSError for any other descriptor."""
    return int.from_bytes(fcntl.ioctl(master, _TIOCGPTN, bytes(4)), "little")


def set_raw(fd: int) -> list[Any]:
    """Put a terminal into raw mode (termios(3), cfmakeraw); returns the settings that it had."""
    before = termios.tcgetattr(fd)
    mode = termios.tcgetattr(fd)
    mode[0] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    mode[1] &= ~termios.OPOST
    mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    return before


def open_pty(
    label: str,
    loop: asyncio.AbstractEventLoop,
    device_lock: threading.RLock,
    master: int,
    log_fd: int | None,
) -> FdChardev:
    """The character device on a pseudo terminal's master descriptor."""
    os.set_blocking(master, False)
    chardev = FdChardev(
        label,
        loop,
        device_lock,
        out_fd=master,
        in_fd=master,
        log_fd=log_fd,
        filename=f"pty:/dev/pts/{pty_number(master)}",
    )
    chardev.prepare_pty()
    return chardev
