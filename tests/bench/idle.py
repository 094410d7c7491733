"""The host's processor time that a resting guest takes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench import peers
from tests.bench.guests.build import build_entry
from tests.bench.measure import Figure, alternate

_SECONDS: Final = 3.0
_LEAST: Final = 0.001
"""Of a processor, in percent: a guest that took nothing is not infinitely better."""


def figures() -> list[Figure]:
    if not peers.available(peers.QEMU):
        return []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kernel = build_entry("idle", directory)
        ours = peers.Ours(directory)
        mine, theirs = alternate(
            _processor(lambda: ours.start(kernel)), _processor(lambda: peers.Qemu().start(kernel))
        )
        ours.close()
    return [Figure("idle guest", "% CPU", mine, "QEMU microvm", theirs, 1.0)]


def _processor(start: Callable[[], peers.Guest]) -> Callable[[], float]:
    def measure() -> float:
        guest = start()
        os.read(guest.serial, 1)
        time.sleep(0.3)
        before = _used(guest.pid)
        time.sleep(_SECONDS)
        used = _used(guest.pid) - before
        guest.close()
        return max(used / _SECONDS * 100, _LEAST)

    return measure


def _used(pid: int) -> float:
    """Seconds on a processor, of all threads (Documentation/scheduler/sched-stats.rst, schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
