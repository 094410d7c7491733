"""top on a terminal: libvirt's event loop drives it, with the keyboard and a clock as its sources."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import libvirt
from rich.console import Console, ConsoleDimensions

from ..connection import Connection
from ..console import run_console
from ..errors import Failure, Status, from_exception
from ..logs import last_lines
from ..terminal import raw
from . import actions
from .columns import fitting
from .keys import keys
from .sample import Guest, Sampler
from .view import Lines, State, screen

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_MESSAGE_SECONDS = 5.0
_LOG_LINES = 200
_INTERVALS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Top:
    """The interactive view; `run` returns when the person quits."""

    def __init__(
        self, connection: Connection, uri: str, state: State, sampler: Sampler, console: Console
    ) -> None:
        self._connection = connection
        self._uri = uri
        self._state = state
        self._sampler = sampler
        self._console = console
        self._input = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        self._answer: Callable[[str], None] | None = None
        """Who gets the keys while the bottom line asks something."""
        self._message_until = 0.0
        self._opened: str | None = None
        self._over = False
        self._due = True
        self._keyed = False
        self._closed = False
        self._stale = True
        """Whether the picture has to be drawn anew: libvirt's own work wakes the loop, too."""

    def run(self) -> None:
        try:
            while not self._over:
                with self._screen():
                    console_of = self._until_console()
                if console_of is not None:
                    self._show_console(console_of)
        finally:
            os.close(self._input)

    def _on_close(self, connection: Connection, reason: int, opaque: object) -> None:
        self._closed = True

    @contextmanager
    def _screen(self) -> Iterator[None]:
        """The alternate screen and raw keys; a change of size wakes the loop."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        old_wakeup = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        old_handler = signal.signal(signal.SIGWINCH, lambda number, frame: None)
        readable = libvirt.VIR_EVENT_HANDLE_READABLE
        watches = [
            libvirt.virEventAddHandle(self._input, readable, self._on_key, None),
            libvirt.virEventAddHandle(wake_read, readable, self._on_wake, None),
        ]
        self._timer = libvirt.virEventAddTimeout(0, self._on_tick, None)
        # A connection has one such callback, which a console wants for itself.
        self._connection.registerCloseCallback(self._on_close, None)
        try:
            with raw(self._input, output=True):
                self._write(_ENTER)
                try:
                    yield
                finally:
                    self._write(_LEAVE)
        finally:
            self._connection.unregisterCloseCallback()
            libvirt.virEventRemoveTimeout(self._timer)
            for watch in watches:
                libvirt.virEventRemoveHandle(watch)
            signal.signal(signal.SIGWINCH, old_handler)
            signal.set_wakeup_fd(old_wakeup)
            os.close(wake_read)
            os.close(wake_write)

    # The callbacks only note what happened: an exception in one of them would be lost in libvirt.

    def _on_tick(self, timer: int, opaque: object) -> None:
        self._due = True

    def _on_key(self, watch: int, fd: int, events: int, opaque: object) -> None:
        self._keyed = True

    def _on_wake(self, watch: int, fd: int, events: int, opaque: object) -> None:
        self._stale = True
        with suppress(BlockingIOError):
            os.read(fd, 64)

    def _until_console(self) -> Guest | None:
        """The loop; the guest whose console is asked for, or None at the end."""
        self._due = True
        while not self._over:
            if self._closed:
                raise Failure("the daemon has gone", "`kvmctl top` tries again.", Status.NO_CONNECTION)
            if self._keyed:
                self._keyed, self._stale = False, True
                data = os.read(self._input, 1024)
                self._over |= not data  # the terminal has gone
                for key in keys(data):
                    guest = self._key(key)
                    if guest is not None:
                        return guest
            if self._due:
                self._due, self._stale = False, True
                self._refresh()
                libvirt.virEventUpdateTimeout(self._timer, int(self._state.interval * 1000))
            if self._stale:
                self._stale = False
                self._draw()
            if not self._over:
                libvirt.virEventRunDefaultImpl()
        return None

    def _refresh(self) -> None:
        state = self._state
        if state.paused:
            return
        state.host = self._sampler.host()
        state.guests = self._sampler.sample()
        self._look_closer()

    def _look_closer(self) -> None:
        state = self._state
        if self._opened is None:
            state.detail = None
            return
        guest = next((guest for guest in state.guests if guest.uuid == self._opened), None)
        if guest is None:
            name = state.detail.guest.name if state.detail else "It"
            self._opened, state.detail = None, None
            self._say(f"{name} has ended.")
            return
        state.detail = self._sampler.detail(guest, last_lines(self._uri, guest.name, _LOG_LINES))

    def _draw(self) -> None:
        if self._state.message and monotonic() >= self._message_until:
            self._state.message = ""
        width, height = self._size()
        # Not rich's own idea of the size, which COLUMNS and LINES of the environment would fix.
        self._console.size = ConsoleDimensions(width, height)
        with self._console.capture() as capture:
            self._console.print(Lines(screen(self._state, width, height)), end="")
        # In place: each line ends with an erasure of what was there before, so that nothing flickers.
        self._write("\x1b[H" + capture.get().replace("\n", "\x1b[K\n") + "\x1b[K\x1b[J")

    def _size(self) -> tuple[int, int]:
        """Columns and lines; a terminal that does not know is one of 80 by 24."""
        columns, lines = os.get_terminal_size(self._input)
        return columns or 80, lines or 24

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._input, data) :]

    def _say(self, message: str) -> None:
        self._state.message = message
        self._message_until = monotonic() + _MESSAGE_SECONDS

    def _key(self, key: str) -> Guest | None:
        """Act on a key; a guest when its console is wanted."""
        state = self._state
        if key == "ctrl-c":
            self._over = True
        elif self._answer is not None:
            self._answer(key)
        elif state.help:
            state.help = False
        elif key == "c":
            return self._selected()
        elif key in actions.ACTIONS:
            self._act(actions.ACTIONS[key])
        else:
            command = _COMMANDS.get(key)
            if command:
                command(self)
        return None

    def _selected(self) -> Guest | None:
        """The guest that is looked at, or the one under the cursor."""
        state = self._state
        if state.detail:
            return state.detail.guest
        return next((guest for guest in state.shown() if guest.uuid == state.selected), None)

    def _act(self, action: actions.Action) -> None:
        guest = self._selected()
        domain = self._sampler.domains.get(guest.uuid) if guest else None
        if guest is None or domain is None:
            return
        if action.question is None:
            self._perform(action, guest)
            return

        def answer(key: str) -> None:
            self._ask(None)
            if key in ("y", "Y"):
                self._perform(action, guest)

        self._ask(action.question.format(name=guest.name), answer)

    def _perform(self, action: actions.Action, guest: Guest) -> None:
        domain = self._sampler.domains.get(guest.uuid)
        if domain is not None:
            self._say(actions.perform(action, domain))
            self._due = True

    def _ask(self, prompt: str | None, answer: Callable[[str], None] | None = None) -> None:
        self._state.prompt, self._answer = prompt, answer

    def _move(self, step: int) -> None:
        state = self._state
        guests = state.shown()
        if guests and not state.detail:
            at = next((i for i, guest in enumerate(guests) if guest.uuid == state.selected), 0)
            state.selected = guests[max(0, min(at + step, len(guests) - 1))].uuid

    def _page(self) -> int:
        return max(1, self._size()[1] - 5)

    def _open(self) -> None:
        guest = self._selected()
        if guest is not None and self._opened is None:
            self._opened = guest.uuid
            self._look_closer()

    def _back(self) -> None:
        if self._opened is not None:
            self._opened, self._state.detail = None, None
        else:
            self._state.filter = ""

    def _sort(self, step: int) -> None:
        state = self._state
        exits = any(guest.exits is not None for guest in state.guests)
        names = [column.name for column in fitting(self._size()[0], exits=exits)]
        at = names.index(state.sort) if state.sort in names else -1
        state.sort, state.reverse = names[(at + step) % len(names)], False

    def _reverse(self) -> None:
        self._state.reverse = not self._state.reverse

    def _pause(self) -> None:
        self._state.paused = not self._state.paused
        self._due = not self._state.paused

    def _help(self) -> None:
        self._state.help = True

    def _quit(self) -> None:
        self._over = True

    def _pace(self, step: int) -> None:
        state = self._state
        near = min(range(len(_INTERVALS)), key=lambda i: abs(_INTERVALS[i] - state.interval))
        state.interval = _INTERVALS[max(0, min(near + step, len(_INTERVALS) - 1))]
        self._due = True

    def _filter(self) -> None:
        state = self._state
        before = state.filter

        def edit(key: str) -> None:
            if key == "enter":
                self._ask(None)
                return
            if key == "escape":
                state.filter = before
                self._ask(None)
                return
            if key == "backspace":
                state.filter = state.filter[:-1]
            elif key == "ctrl-u":
                state.filter = ""
            elif len(key) == 1:
                state.filter += key
            self._ask(f"filter: {state.filter}▏ (Enter keeps it, Esc drops it)", edit)

        self._ask(f"filter: {before}▏ (Enter keeps it, Esc drops it)", edit)

    def _start(self) -> None:
        """Offer what is shut off, one after another; Enter starts."""
        names = actions.inactive(self._connection)
        if not names:
            self._say("Nothing is shut off that could be started.")
            return
        at = 0

        def question() -> str:
            return f"start {names[at]}? ({at + 1} of {len(names)}; ↑↓ other, Enter starts, Esc leaves)"

        def choose(key: str) -> None:
            nonlocal at
            if key in ("up", "down", "j", "k"):
                at = (at + (1 if key in ("down", "j") else -1)) % len(names)
                self._ask(question(), choose)
                return
            self._ask(None)
            if key == "enter":
                self._say(actions.start(self._connection, names[at]))
                self._due = True

        self._ask(question(), choose)

    def _show_console(self, guest: Guest) -> None:
        domain = self._sampler.domains.get(guest.uuid)
        if domain is None:
            return
        try:
            run_console(self._connection, domain)
        except (libvirt.libvirtError, Failure) as error:
            self._say(f"error: {from_exception(error)}")


_COMMANDS: dict[str, Callable[[Top], None]] = {
    "q": Top._quit,
    "?": Top._help,
    "h": Top._help,
    "up": lambda top: top._move(-1),
    "k": lambda top: top._move(-1),
    "down": lambda top: top._move(1),
    "j": lambda top: top._move(1),
    "page-up": lambda top: top._move(-top._page()),
    "page-down": lambda top: top._move(top._page()),
    "home": lambda top: top._move(-(1 << 30)),
    "g": lambda top: top._move(-(1 << 30)),
    "end": lambda top: top._move(1 << 30),
    "G": lambda top: top._move(1 << 30),
    "enter": Top._open,
    "escape": Top._back,
    "backspace": Top._back,
    "s": lambda top: top._sort(1),
    "S": lambda top: top._sort(-1),
    "r": Top._reverse,
    "/": Top._filter,
    "p": Top._pause,
    " ": Top._pause,
    "+": lambda top: top._pace(-1),
    "-": lambda top: top._pace(1),
    "u": Top._start,
}
