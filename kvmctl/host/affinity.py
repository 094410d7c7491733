"""On which processors, and with which scheduler, threads run (sched(7), sched_setaffinity(2))."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_POLICIES: Final = {
    "other": os.SCHED_OTHER,
    "batch": os.SCHED_BATCH,
    "idle": os.SCHED_IDLE,
    "fifo": os.SCHED_FIFO,
    "rr": os.SCHED_RR,
}
REALTIME: Final = ("fifo", "rr")
"""The policies that have a priority."""


def threads(pid: int) -> dict[int, str]:
    """The threads of a process with their names; none when it is gone."""
    found = {}
    for directory in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        try:
            found[int(directory.name)] = (directory / "comm").read_text().rstrip("\n")
        except OSError:
            continue  # it has just ended
    return found


def cpus_of(thread: int) -> frozenset[int]:
    """The processors that a thread may run on. Raises OSError."""
    return frozenset(os.sched_getaffinity(thread))


def pin(thread: int, cpus: Iterable[int]) -> None:
    """Let a thread run on these processors only; those that are offline do not count.

    Raises OSError, and ValueError when none of them is online.
    """
    wanted = frozenset(cpus)
    try:
        os.sched_setaffinity(thread, wanted)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ValueError(f"none of the processors {format_list(wanted)} can be used") from error


def set_scheduler(thread: int, policy: str, priority: int = 0) -> None:
    """Raises OSError, and ValueError for a policy of another name."""
    if policy not in _POLICIES:
        raise ValueError(f"there is no scheduler '{policy}'")
    os.sched_setscheduler(thread, _POLICIES[policy], os.sched_param(priority if policy in REALTIME else 0))


def format_list(numbers: Iterable[int]) -> str:
    """The kernel's list format: 0-3,8."""
    parts: list[str] = []
    run: list[int] = []
    for number in [*sorted(set(numbers)), None]:
        if run and number != run[-1] + 1:
            parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
            run = []
        if number is not None:
            run.append(number)
    return ",".join(parts)
