"""The terminal in raw mode, and always back."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_FATAL = (signal.SIGTERM, signal.SIGHUP)


class Killed(BaseException):
    """A signal that ends the program, as an exception so that the terminal is put back on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _raise_killed(number: int, frame: FrameType | None) -> None:
    raise Killed(number)


@contextmanager
def raw(fd: int, *, output: bool = False) -> Iterator[None]:
    """Every key goes to the reader as it is; a descriptor that is no terminal is left alone.

    SIGTERM and SIGHUP put the terminal back before they end the program. With `output`, what is written is
    still translated (a line feed also returns to the first column).
    """
    handlers = {number: signal.signal(number, _raise_killed) for number in _FATAL}
    attributes = termios.tcgetattr(fd) if os.isatty(fd) else None
    killed = None
    try:
        if attributes is not None:
            tty.setraw(fd)
            if output:
                changed = termios.tcgetattr(fd)
                changed[1] = attributes[1]
                termios.tcsetattr(fd, termios.TCSADRAIN, changed)
        yield
    except Killed as caught:
        killed = caught.number
    finally:
        if attributes is not None:
            termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if killed is not None:
        signal.raise_signal(killed)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is how a person ends what would go on for ever: no failure, and no message."""
    with suppress(KeyboardInterrupt):
        yield


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: for loops of libvirt's, in whose callbacks an exception is lost."""
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
