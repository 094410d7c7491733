"""What a disk has done: the counters of query-blockstats (qapi/block-core.json, BlockDeviceStats)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from enum import Enum


class Operation(Enum):
    """By the names that QEMU's counters have."""

    READ = "rd"
    WRITE = "wr"
    FLUSH = "flush"
    UNMAP = "unmap"


@dataclass(slots=True)
class _Counter:
    bytes: int = 0
    operations: int = 0
    nanoseconds: int = 0
    failed: int = 0
    invalid: int = 0


@dataclass(slots=True)
class Accounting:
    """Any thread may count."""

    _counters: dict[Operation, _Counter] = field(
        default_factory=lambda: {operation: _Counter() for operation in Operation}
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _highest: int = 0
    _last: int = 0

    def done(self, operation: Operation, size: int, started: int, end: int = 0) -> None:
        """`started` is time.monotonic_ns() then; `end` is the offset behind what was written."""
        now = time.monotonic_ns()
        with self._lock:
            counter = self._counters[operation]
            counter.bytes += size
            counter.operations += 1
            counter.nanoseconds += now - started
            self._highest = max(self._highest, end)
            self._last = now

    def failed(self, operation: Operation, started: int) -> None:
        now = time.monotonic_ns()
        with self._lock:
            counter = self._counters[operation]
            counter.failed += 1
            counter.nanoseconds += now - started
            self._last = now

    def invalid(self, operation: Operation) -> None:
        with self._lock:
            self._counters[operation].invalid += 1

    def report(self) -> dict[str, object]:
        result: dict[str, object] = {}
        with self._lock:
            for operation, counter in self._counters.items():
                name = operation.value
                if operation is not Operation.FLUSH:
                    result[f"{name}_bytes"] = counter.bytes
                    result[f"{name}_merged"] = 0
                result[f"{name}_operations"] = counter.operations
                result[f"{name}_total_time_ns"] = counter.nanoseconds
                result[f"failed_{name}_operations"] = counter.failed
                result[f"invalid_{name}_operations"] = counter.invalid
            result["wr_highest_offset"] = self._highest
            if self._last:
                result["idle_time_ns"] = time.monotonic_ns() - self._last
        return {**result, "account_invalid": True, "account_failed": True, "timed_stats": []}
