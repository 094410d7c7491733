"""Where and how the processes of the fuzzing run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SCRATCH: Final = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""For files that nobody wants to wait for a disk for."""


def environment(scratch: Path) -> dict[str, str]:
    """Threads' arenas would eat the address space that is limited; a slice is to be the same each time."""
    return {**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONHASHSEED": "0", "TMPDIR": str(scratch)}
