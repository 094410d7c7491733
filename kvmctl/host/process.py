"""Processes of this host, as /proc shows them (proc(5))."""

from pathlib import Path
from typing import Final

START_TIME: Final = 19
"""Where field 22 of /proc/PID/stat is in what `stat_fields` gives: ticks since the host's start."""


def stat_fields(process: Path) -> list[str] | None:
    """The fields of a stat file from the third on; the second, the name, may hold anything."""
    try:
        text = (process / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
