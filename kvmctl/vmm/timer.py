"""Device timers on the event loop of the main thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class LoopTimer:
    """A one-shot timer; armed and disarmed by any thread, its callback runs under the devices' lock."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, device_lock: threading.RLock, callback: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._device_lock = device_lock
        self._callback = callback
        self._due: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, delay: float) -> None:
        """Call back after `delay` seconds, in place of any earlier time that was set."""
        self._due = self._loop.time() + delay
        self._loop.call_soon_threadsafe(self._schedule)

    def disarm(self) -> None:
        self._due = None

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        due = self._due
        if due is not None:
            self._handle = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        with self._device_lock:
            if self._due is None:
                return
            if self._due > self._loop.time():
                self._schedule()
                return
            self._due = None
            self._callback()
