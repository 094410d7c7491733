"""The descriptors that a VMM inherits, by name: a device's alias, with a suffix where it has several."""

import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_KINDS: Final[dict[str, Callable[[int], bool]]] = {
    "regular file": stat.S_ISREG,
    "block device": stat.S_ISBLK,
    "character device": stat.S_ISCHR,
}


class BackendError(Exception):
    """The host's system refused; ``str()`` is the whole message: what was tried, then the system's words."""

    def __init__(self, error: OSError, action: str) -> None:
        reason = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(f"{action}: {reason}")


class Unsupported(BackendError):
    """What is there is not of the kind that the device can be on."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class Busy(BackendError):
    """Somebody else uses what the device is on."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class Descriptors:
    """Closed here with the stack; the VMM has its own copies by then."""

    def __init__(self, stack: ExitStack, run: Path | None = None) -> None:
        """`run`: where sockets are made that have no path of their own; a guest run by hand has none."""
        self._stack = stack
        self.run = run
        self.named: dict[str, int] = {}

    def add(self, name: str, descriptor: int) -> None:
        self._stack.callback(os.close, descriptor)
        self.named[name] = descriptor

    def open(self, name: str, path: str, flags: int, *, what: str, kind: str) -> None:
        """Open a file that has to be of that kind; O_NONBLOCK so that a FIFO in its place holds up nobody."""
        try:
            self.add(name, os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError as error:
            raise BackendError(error, f"cannot open {what} '{path}'") from error
        if not _KINDS[kind](os.fstat(self.named[name]).st_mode):
            raise Unsupported(f"{what} '{path}' is not a {kind}")

    def output(self, name: str, path: str, *, append: bool) -> None:
        """A file that a character device writes to."""
        mode = os.O_APPEND if append else os.O_TRUNC
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | mode
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise BackendError(error, f"cannot open '{path}'") from error
        os.set_blocking(descriptor, True)
        self.add(name, descriptor)
