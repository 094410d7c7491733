#!/usr/bin/env python3
"""Build the Linux test guest and print the paths of its kernel and its initrd, a line each.

The first time takes minutes and shows how far it is, on standard error; after that the cache has it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.guests.linux import initramfs, kernel


def guest(progress: kernel.Progress) -> tuple[Path, Path]:
    """(kernel, initrd), built unless cached; CannotBuild where this machine lacks something for it."""
    bzimage = kernel.kernel(progress)[1]
    return bzimage, initramfs.build(bzimage.parent)


class Lines:
    """Progress for a log: one line every ten per cent."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, what: str, share: float) -> None:
        step = (what, int(share * 10))
        if step != self._last:
            self._last = step
            print(f"{what}: {step[1] * 10} %", file=sys.stderr, flush=True)


def with_bar() -> tuple[Path, Path]:
    """Build with a progress bar on the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as display:
        tasks = {}

        def progress(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = display.add_task(what, total=1.0)
            display.update(tasks[what], completed=share)

        return guest(progress)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--plain", action="store_true", help="progress in lines, also on a terminal")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        paths = with_bar() if sys.stderr.isatty() and not arguments.plain else guest(Lines())
    except kernel.CannotBuild as error:
        print(f"build.py: cannot build the Linux guest: {error}", file=sys.stderr)
        return 2
    except (kernel.BuildFailed, subprocess.CalledProcessError, OSError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build.py: interrupted; the next run carries on from here", file=sys.stderr)
        return 130
    if time.monotonic() - started > 1:
        print(f"built in {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(*paths, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
