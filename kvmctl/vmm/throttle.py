"""Limits of I/O, as QEMU's throttling (docs/throttle.txt): leaky buckets with bursts, shared by a group."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Direction(Enum):
    READ = "read"
    WRITE = "write"


class Stop(Exception):
    """The wait was given up."""


class LimitError(Exception):
    """Limits that contradict each other."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Units a second: `average` for good, and up to `burst` for `burst_seconds`; 0 is none."""

    average: int = 0
    burst: int = 0
    burst_seconds: int = 1


UNITS: Final = ("bytes", "iops")
SCOPES: Final = ("total", "read", "write")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of bytes and of requests, in all and each way; a request counts once for each `request_size` bytes."""

    buckets: Mapping[tuple[str, str], Limit] = field(default_factory=dict)
    """By scope and unit."""
    request_size: int = 0

    def __post_init__(self) -> None:
        """Raises LimitError."""
        for unit in UNITS:
            total = self.of("total", unit)
            parts = [self.of(scope, unit) for scope in ("read", "write")]
            for figure in ("average", "burst"):
                if getattr(total, figure) and any(getattr(part, figure) for part in parts):
                    raise LimitError(f"total and read or write {unit} limits cannot be set at the same time")
        for (scope, unit), limit in self.buckets.items():
            if limit.burst and limit.burst < limit.average:
                raise LimitError(f"the burst of {scope} {unit} is less than what is allowed for good")
            if limit.burst and not limit.average:
                raise LimitError(f"a burst of {scope} {unit} needs a limit of {scope} {unit}")
            if limit.burst_seconds > 1 and not limit.burst:
                raise LimitError(f"a burst length of {scope} {unit} needs a burst")
        if self.request_size and not any(self.of(scope, "iops").average for scope in SCOPES):
            raise LimitError("a size of requests needs a limit of requests")

    def of(self, scope: str, unit: str) -> Limit:
        return self.buckets.get((scope, unit), Limit())

    @property
    def active(self) -> bool:
        return any(limit.average for limit in self.buckets.values())


class _Bucket:
    """Fills with what passes, leaks at the average rate; what overflows waits."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._level = 0.0
        self._burst_level = 0.0

    def leak(self, seconds: float) -> None:
        self._level = max(0.0, self._level - self.limit.average * seconds)
        self._burst_level = max(0.0, self._burst_level - self.limit.burst * seconds)

    def add(self, units: float) -> None:
        self._level += units
        if self.limit.burst_seconds > 1:
            self._burst_level += units

    def wait(self) -> float:
        """Seconds until the next request may pass."""
        limit = self.limit
        room = limit.burst * limit.burst_seconds if limit.burst else limit.average / 10
        wait = max(0.0, self._level - room) / limit.average
        if limit.burst_seconds > 1:
            wait = max(wait, max(0.0, self._burst_level - limit.burst / 10) / limit.burst)
        return wait


class Throttle:
    """The limits of one disk or of a group of disks; any thread may call."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watchers: list[Callable[[bool], None]] = []
        self.set(limits)

    def set(self, limits: Limits) -> None:
        """Requests that wait already go by the new limits within a moment."""
        buckets = {place: _Bucket(limit) for place, limit in limits.buckets.items() if limit.average}
        with self._lock:
            self.limits = limits
            self._all = list(buckets.values())
            self._buckets = {
                direction: [
                    (unit, bucket)
                    for (scope, unit), bucket in buckets.items()
                    if scope in ("total", direction.value)
                ]
                for direction in Direction
            }
            self._last = self._clock()
            for watcher in self._watchers:
                watcher(limits.active)

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Says whether there are limits: at once, and whenever they are set."""
        with self._lock:
            self._watchers.append(changed)
            changed(self.limits.active)

    def unwatch(self, changed: Callable[[bool], None]) -> None:
        with self._lock:
            self._watchers.remove(changed)

    def pass_through(self, direction: Direction, size: int, sleep: Callable[[float], bool]) -> None:
        """Returns when a request of that size may go on.

        `sleep` waits for so many seconds at most, and says whether to give up, which raises Stop.
        """
        while wait := self._try(direction, size):
            if sleep(wait):
                raise Stop

    def _try(self, direction: Direction, size: int) -> float:
        """0 when the request passes, else the seconds to wait before the next attempt."""
        with self._lock:
            buckets = self._buckets[direction]
            if not buckets:
                return 0.0
            now = self._clock()
            elapsed, self._last = now - self._last, now
            for bucket in self._all:
                bucket.leak(elapsed)
            wait = max(bucket.wait() for _, bucket in buckets)
            if wait:
                return min(max(wait, _SHORTEST_SLEEP), _LONGEST_SLEEP)
            per_request = self.limits.request_size
            requests = max(1.0, size / per_request) if per_request else 1.0
            for unit, bucket in buckets:
                bucket.add(size if unit == "bytes" else requests)
            return 0.0


_SHORTEST_SLEEP: Final = 1e-6
_LONGEST_SLEEP: Final = 0.5
"""Seconds after which a waiting request looks whether the limits have changed."""
