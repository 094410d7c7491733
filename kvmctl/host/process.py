"""Processes of this host, as /proc shows them (proc(5))."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

START_TIME: Final = 19
"""Where field 22 of /proc/PID/stat is in what `stat_fields` gives: ticks since the host's start."""


def run_to_background(
    command: Sequence[str], *, patience: float, descriptors: Sequence[int] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Start a program that puts itself into the background once it serves, within `patience` seconds.

    The result has what it said until then. Raises OSError or subprocess.TimeoutExpired.
    """
    return subprocess.run(
        command,
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=patience,
        cwd="/",
        start_new_session=True,
        check=False,
    )


def inner_threads(pid: int) -> dict[int, int]:
    """The threads of a process: as it knows them itself, in its namespace of processes, and as the host does.

    Empty when the process is gone.
    """
    found = {}
    for directory in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        try:
            lines = (directory / "status").read_text(errors="replace").splitlines()
        except OSError:
            continue  # it has just ended
        inner = next((line for line in lines if line.startswith("NSpid:")), directory.name)
        found[int(inner.split()[-1])] = int(directory.name)
    return found


def stat_fields(process: Path) -> list[str] | None:
    """The fields of a stat file from the third on; the second, the name, may hold anything."""
    try:
        text = (process / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
