"""Plain lines for people."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """A line about what was done: on stderr, so that stdout holds only what was asked for."""
    print(message, file=sys.stderr)
