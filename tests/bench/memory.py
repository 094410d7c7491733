"""What a guest costs the host in memory beyond the pages that it touched: PSS with 20 of them running."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench import peers
from tests.bench.guests.build import build
from tests.bench.measure import Figure, alternate

GUESTS: Final = 20
_MEMORY_MIB: Final = 64
_GOAL_MIB: Final = 5.0


def figures() -> list[Figure]:
    if not peers.available(peers.QEMU):
        return []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kernel = build("hello", directory)
        ours = peers.Ours(directory)
        mine, theirs = alternate(
            _overhead(lambda: ours.start(kernel, memory_mib=_MEMORY_MIB)),
            _overhead(lambda: peers.Qemu().start(kernel, memory_mib=_MEMORY_MIB)),
        )
        ours.close()
    print(f"PSS a guest: {mine} MiB, the goal is {_GOAL_MIB:g} MiB")
    return [Figure(f"PSS a guest beyond its own pages, {GUESTS} guests", "MiB", mine, "QEMU", theirs, 0.2)]


def _overhead(start: Callable[[], peers.Guest]) -> Callable[[], float]:
    def measure() -> float:
        guests = [start() for _ in range(GUESTS)]
        for guest in guests:
            os.read(guest.serial, 1)
        total = sum(_beyond_memory(guest.pid) for guest in guests)
        for guest in guests:
            guest.close()
        return total / GUESTS / (1 << 20)

    return measure


def _beyond_memory(pid: int) -> int:
    """Bytes of PSS in all mappings but the one that is as large as the guest's memory (proc(5), smaps)."""
    total = 0
    counted = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, _, rest = line.partition(" ")
        if "-" in key and not key.endswith(":"):
            start, end = (int(part, 16) for part in key.split("-"))
            counted = end - start != _MEMORY_MIB << 20
        elif key == "Pss:" and counted:
            total += int(rest.split()[0]) << 10
    return total
