"""What the machine's parts are to QMP: commands that they answer, and events that they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


class QmpError(Exception):
    """An error reply; `kind` is one of QEMU's error classes."""

    def __init__(self, description: str, kind: str = "GenericError") -> None:
        super().__init__(description)
        self.kind = kind


Handler = Callable[[Mapping[str, object]], object]


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, and the names of the arguments that it knows."""

    handler: Handler
    arguments: frozenset[str] = frozenset()


class Monitor(Protocol):
    """The QMP server as devices see it."""

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        """Answer that command; handlers run on the main thread, without the devices' lock."""

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        """Tell every client; any thread may."""
