"""Lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_quiet = False


def be_quiet(quiet: bool) -> None:
    global _quiet
    _quiet = quiet


def no_color() -> None:
    """NO_COLOR is what rich and typer both obey (no-color.org)."""
    os.environ["NO_COLOR"] = "1"
    os.environ.pop("FORCE_COLOR", None)


def say(message: str) -> None:
    """A line about what was done: on stderr, so that stdout holds only what was asked for."""
    if not _quiet:
        print(message, file=sys.stderr)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def stdout() -> Console:
    """Where tables go; a pipe has no width, so that nothing is cut there."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 1000)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner with the time so far, where there is a terminal and someone who waits."""
    if _quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar of that many bytes, where there is a terminal; the function moves it on."""
    if _quiet or not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(True), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
