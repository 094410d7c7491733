"""A guest's serial console on this terminal, over a libvirt stream."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Annotated, Any

import libvirt
import typer

from .completion import RunningName
from .connection import Connection, Domain, connect, find_domain
from .errors import Failure, from_exception
from .output import say
from .terminal import raw

ESCAPE = b"\x1d"  # Ctrl-]
CHUNK = 4096
# More than this waiting for the guest, and the terminal is not read until some of it is gone.
PENDING_LIMIT = 64 * 1024

_NO_DATA = -2  # virStreamRecv and virStreamSend: nothing now, ask again after an event


class End(Enum):
    """Why a console session is over."""

    LEFT = "left"
    GUEST = "guest"


class Session:
    """Copies a descriptor to a stream and the stream to a function, driven by libvirt's event loop."""

    def __init__(self, stream: Any, input_fd: int, output: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._connection = stream.connect()
        self._input = input_fd
        self._output = output
        self._pending = bytearray()
        self._end: End | None = None
        self._error: BaseException | None = None
        self._events = 0
        self._watch: int | None = None

    def run(self, *, timeout: float | None = None) -> End:
        """Until the person leaves or the guest's side ends; fails after timeout seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._events = libvirt.VIR_STREAM_EVENT_READABLE
        self._stream.eventAddCallback(self._events, self._on_stream, None)
        # A daemon that dies makes no event on the stream.
        self._connection.registerCloseCallback(self._on_close, None)
        self._watch = libvirt.virEventAddHandle(
            self._input, libvirt.VIR_EVENT_HANDLE_READABLE, self._on_input, None
        )
        # Wakes the loop now and then: for the timeout, and for a signal that did not interrupt poll().
        timer = libvirt.virEventAddTimeout(500, lambda timer, opaque: None, None)
        try:
            while self._end is None and self._error is None:
                libvirt.virEventRunDefaultImpl()
                if deadline is not None and time.monotonic() > deadline:
                    raise Failure(f"the guest has not ended after {timeout:.0f} s")
        finally:
            libvirt.virEventRemoveTimeout(timer)
            self._stop_input()
            self._connection.unregisterCloseCallback()
            self._stream.eventRemoveCallback()
        if self._error is not None:
            raise self._error
        assert self._end is not None
        return self._end

    def _stop_input(self) -> None:
        if self._watch is not None:
            libvirt.virEventRemoveHandle(self._watch)
            self._watch = None

    def _on_input(self, watch: int, fd: int, events: int, opaque: object) -> None:
        try:
            data = os.read(self._input, CHUNK)
            before, escape, _ = data.partition(ESCAPE) if os.isatty(self._input) else (data, b"", b"")
            self._pending += before
            if escape:
                self._end = End.LEFT
            elif not data:
                self._stop_input()  # the guest's output is still wanted
            self._send()
        except (OSError, libvirt.libvirtError) as error:
            self._error = error

    def _on_close(self, connection: Connection, reason: int, opaque: object) -> None:
        self._error = Failure("the daemon has gone")

    def _on_stream(self, stream: Any, events: int, opaque: object) -> None:
        try:
            if events & libvirt.VIR_STREAM_EVENT_READABLE:
                self._receive()
            if events & libvirt.VIR_STREAM_EVENT_WRITABLE:
                self._send()
            if events & (libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP):
                self._end = self._end or End.GUEST
        except (OSError, libvirt.libvirtError) as error:
            self._error = error

    def _receive(self) -> None:
        while True:
            data = self._stream.recv(CHUNK)
            if data == _NO_DATA:
                return
            if not data:
                self._end = self._end or End.GUEST
                return
            self._output(data)

    def _send(self) -> None:
        while self._pending:
            sent = self._stream.send(bytes(self._pending[:CHUNK]))
            if sent == _NO_DATA:
                break
            del self._pending[:sent]
        self._want_events()

    def _want_events(self) -> None:
        events = libvirt.VIR_STREAM_EVENT_READABLE
        if self._pending:
            events |= libvirt.VIR_STREAM_EVENT_WRITABLE
        if events != self._events:
            self._stream.eventUpdateCallback(events)
            self._events = events
        if self._watch is not None:
            full = len(self._pending) >= PENDING_LIMIT
            libvirt.virEventUpdateHandle(self._watch, 0 if full else libvirt.VIR_EVENT_HANDLE_READABLE)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def open_console(connection: Connection, domain: Domain, *, force: bool = False) -> Any:
    """A stream that is the domain's first serial console."""
    stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
    domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else 0)
    return stream


def run_console(
    connection: Connection,
    domain: Domain,
    *,
    force: bool = False,
    when_open: Callable[[], object] | None = None,
) -> None:
    """Show a console until Ctrl-] or the guest's end; when_open runs once the console is there."""
    name = domain.name()
    stream = open_console(connection, domain, force=force)
    input_fd, output_fd = sys.stdin.fileno(), sys.stdout.fileno()
    if os.isatty(input_fd):
        say(f"Connected to the console of {name}. Ctrl-] leaves it; the guest goes on.")
        if not when_open:
            say("Press Enter if nothing shows.")
    sys.stdout.flush()
    try:
        with raw(input_fd):
            if when_open:
                when_open()
            end = Session(stream, input_fd, partial(write_all, output_fd)).run()
    except (libvirt.libvirtError, Failure) as error:
        say("")  # the guest's output seldom ends with a line's end
        raise Failure(
            f"the console of {name} was lost: {from_exception(error)}",
            f"`kvmctl console {name}` tries again.",
        ) from error
    if end is End.LEFT:
        stream.abort()
        say(
            f"\nLeft the console of {name}; it still runs.\n"
            f"`kvmctl console {name}` comes back, `kvmctl destroy {name}` ends it."
        )
    else:
        stream.finish()
        say(f"\nThe console of {name} has ended.")


def console(
    context: typer.Context,
    name: RunningName,
    force: Annotated[bool, typer.Option("--force", help="Take the console from whoever has it now.")] = False,
) -> None:
    """Talk to a guest over its serial console; Ctrl-] leaves.

    Input that is no terminal is sent to the guest; the output is shown until the guest ends.

    \b
    kvmctl console demo
    echo poweroff | kvmctl console demo
    """
    connection = connect(context)
    domain = find_domain(connection, name)
    if not domain.isActive():
        raise Failure(f"{name} is not running", f"`kvmctl start {name} --console` starts and shows it.")
    run_console(connection, domain, force=force)
