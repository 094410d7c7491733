"""Cuts a byte stream into JSON values: QMP messages follow each other, with line ends between them or not."""

from __future__ import annotations

import re
from typing import Final

_START: Final = re.compile(rb"\S")
_GARBAGE_END: Final = re.compile(rb"[\n{\[]")
_STRUCTURE: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')
_OPENING: Final = b"{["


class TooLong(Exception):
    """A message beyond the limit; where the next one starts cannot be known."""


class JsonSplitter:
    """Collects bytes until a whole object or array is there.

    What stands between values and is no white space comes out as a piece of its own, which the JSON parser
    will refuse: the sender gets an error instead of silence.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._position = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        values: list[bytes] = []
        while (end := self._find_end()) is not None:
            values.append(bytes(self._buffer[:end]))
            self._restart(end)
        if len(self._buffer) > self._limit:
            raise TooLong
        return values

    def _restart(self, end: int) -> None:
        del self._buffer[:end]
        self._position = 0
        self._depth = 0
        self._in_string = False

    def _find_end(self) -> int | None:
        """One past the last byte of the first value, None while it is incomplete."""
        if not self._depth:
            start = _START.search(self._buffer)
            self._restart(start.start() if start else len(self._buffer))
            if not self._buffer:
                return None
            if self._buffer[0] not in _OPENING:
                garbage = _GARBAGE_END.search(self._buffer)
                return garbage.start() if garbage else None
        while found := (_IN_STRING if self._in_string else _STRUCTURE).search(self._buffer, self._position):
            character = found.group()
            if character == b"\\":
                if found.end() == len(self._buffer):
                    self._position = found.start()
                    return None
                self._position = found.end() + 1
                continue
            self._position = found.end()
            if character == b'"':
                self._in_string = not self._in_string
            elif character in (b"{", b"["):
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    return self._position
        self._position = len(self._buffer)
        return None
