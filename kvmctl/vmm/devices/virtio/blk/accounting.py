"""What a disk has done: the counters of query-blockstats (qapi/block-core.json, BlockDeviceStats)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final


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


EngineCounts = tuple[list[tuple[int, int, int]], int, int]
"""Bytes, operations and nanoseconds of reads, writes and flushes; the highest end, the last time."""
_ENGINE_ORDER: Final = (Operation.READ, Operation.WRITE, Operation.FLUSH)


@dataclass(slots=True)
class Accounting:
    """Any thread may count."""

    _counters: dict[Operation, _Counter] = field(
        default_factory=lambda: {operation: _Counter() for operation in Operation}
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _highest: int = 0
    _last: int = 0
    _engines: list[Callable[[], EngineCounts]] = field(default_factory=list)

    def include(self, counts: Callable[[], EngineCounts]) -> None:
        """Requests that an engine carries out count as well."""
        self._engines.append(counts)

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
        engines = [counts() for counts in self._engines]
        with self._lock:
            counters = {operation: replace(counter) for operation, counter in self._counters.items()}
            highest, last = self._highest, self._last
        for counts, end, time_of_last in engines:
            for operation, (size, operations, nanoseconds) in zip(_ENGINE_ORDER, counts, strict=True):
                counters[operation].bytes += size
                counters[operation].operations += operations
                counters[operation].nanoseconds += nanoseconds
            highest, last = max(highest, end), max(last, time_of_last)
        for operation, counter in counters.items():
            name = operation.value
            if operation is not Operation.FLUSH:
                result[f"{name}_bytes"] = counter.bytes
                result[f"{name}_merged"] = 0
            result[f"{name}_operations"] = counter.operations
            result[f"{name}_total_time_ns"] = counter.nanoseconds
            result[f"failed_{name}_operations"] = counter.failed
            result[f"invalid_{name}_operations"] = counter.invalid
        result["wr_highest_offset"] = highest
        if last:
            result["idle_time_ns"] = time.monotonic_ns() - last
        return {**result, "account_invalid": True, "account_failed": True, "timed_stats": []}
