"""Interrupt lines that several devices share."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SharedLine:
    """A level-triggered line that any of several sources holds up; any thread may change one."""

    def __init__(self, set_level: Callable[[bool], None]) -> None:
        self._set_level = set_level
        self._lock = threading.Lock()
        self._asserted: set[int] = set()

    def set(self, source: int, level: bool) -> None:
        with self._lock:
            if level:
                self._asserted.add(source)
            else:
                self._asserted.discard(source)
            self._set_level(bool(self._asserted))
