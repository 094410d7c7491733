"""`make fuzz`: every target for its time, and a table of what came of it.

Findings are in build/fuzz/TARGET/crashes: the input, and beside it what it did. What coverage led to is in
build/fuzz/TARGET/corpus; --keep puts the smallest set of it that reaches as much into the repository.
"""

from __future__ import annotations

import argparse
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz import targets
from tests.fuzz.child import STATE, STATE_SIZE, has_atheris
from tests.fuzz.scratch import ROOT, SCRATCH, environment
from tests.fuzz.target import CORPUS, REGRESSION

WORK: Final = ROOT / "build" / "fuzz"
_STALLED: Final = 60.0
"""Seconds without an execution, after which a process hangs; its time is limited in itself."""
_START: Final = 600.0
"""The same before the first one, for what is imported and instrumented."""
_POLL: Final = 1.0
_KEPT_SIZE: Final = 4096
_KEPT_FILES: Final = 40


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    engine: str
    executions: int
    operations: int
    crashes: int
    seconds: float


class Run:
    """One target in processes that follow each other: one that dies is a finding, and the next goes on."""

    def __init__(self, name: str, engine: str, seconds: float, seed: int) -> None:
        self._name, self._engine, self._seed = name, engine, seed
        self._end = time.monotonic() + seconds
        self._corpus = WORK / name / "corpus"
        self._crashes = WORK / name / "crashes"
        for directory in (self._corpus, self._crashes):
            directory.mkdir(parents=True, exist_ok=True)
        self._fd = os.memfd_create(name)
        os.ftruncate(self._fd, STATE_SIZE)
        self._state = mmap.mmap(self._fd, STATE_SIZE)

    def __call__(self) -> Result:
        start = time.monotonic()
        deaths = 0
        while (left := self._end - time.monotonic()) > 1:
            with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
                problem = self._process(left, Path(scratch))
            if problem is None:
                break
            deaths += 1
            self._save(deaths, problem)
        executions, operations, _ = STATE.unpack_from(self._state)
        crashes = len([path for path in self._crashes.iterdir() if path.suffix != ".txt"])
        return Result(self._name, self._engine, executions, operations, crashes, time.monotonic() - start)

    def _process(self, seconds: float, scratch: Path) -> str | None:
        """What it died of."""
        arguments = [
            self._name,
            "--engine",
            self._engine,
            "--seconds",
            str(seconds),
            "--seed",
            str(self._seed),
        ]
        arguments += [
            "--state",
            str(self._fd),
            "--corpus",
            str(self._corpus),
            "--crashes",
            str(self._crashes),
        ]
        log = WORK / self._name / f"{self._engine}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", *arguments],
                cwd=ROOT,
                env=environment(scratch),
                pass_fds=(self._fd,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._seed += 1
        start, _, _ = STATE.unpack_from(self._state)
        before, since = start, time.monotonic()
        while process.poll() is None:
            time.sleep(_POLL)
            executions, _, _ = STATE.unpack_from(self._state)
            if executions != before:
                before, since = executions, time.monotonic()
            elif time.monotonic() - since > (_STALLED if executions != start else _START):
                process.kill()
                process.wait()
                return "it hangs"
        if process.returncode == 0:
            return None
        end = log.read_text(errors="replace")[-4000:]
        return f"the process ended with status {process.returncode}\n{end}"

    def _save(self, number: int, problem: str) -> None:
        *_, length = STATE.unpack_from(self._state)
        path = self._crashes / f"{REGRESSION}death-{os.getpid()}-{number}"
        path.write_bytes(self._state[STATE.size : STATE.size + length])
        path.with_suffix(".txt").write_text(problem)


def table(results: list[Result]) -> str:
    rows = [("target", "engine", "executions", "operations", "crashes", "executions/s")]
    for one in results:
        rate = one.executions / max(one.seconds, 0.001)
        numbers = f"{one.executions:,}", f"{one.operations:,}", str(one.crashes), f"{rate:,.0f}"
        rows.append((one.name, one.engine, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def keep(name: str) -> int:
    """The smallest inputs that reach what all that were found reach; how many are in the corpus now."""
    found = WORK / name / "corpus"
    if not found.is_dir():
        return 0
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        merged = Path(scratch) / "merged"
        small = Path(scratch) / "small"
        for directory in (merged, small):
            directory.mkdir()
        for path in found.iterdir():
            if path.stat().st_size <= _KEPT_SIZE and not path.name.startswith("seed-"):
                shutil.copy(path, small)
        command = [sys.executable, "-m", "tests.fuzz.child", name, "--engine", "merge"]
        command += ["--corpus", str(merged), "--from", str(small)]
        subprocess.run(
            command, cwd=ROOT, env=environment(Path(scratch)), check=True, capture_output=True, timeout=600
        )
        chosen = sorted(merged.iterdir(), key=lambda path: path.stat().st_size)
        directory = CORPUS / name
        directory.mkdir(parents=True, exist_ok=True)
        for path in directory.iterdir():
            if not path.name.startswith(REGRESSION):
                path.unlink()
        for path in chosen[:: max(1, -(-len(chosen) // _KEPT_FILES))]:
            shutil.copy(path, directory / path.name[:12])
        return len(list(directory.iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(targets.names()))
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (1)")
    parser.add_argument("--seed", type=int, default=int(time.time()) & 0xFFFF_FFFF)
    parser.add_argument(
        "--engine", choices=("atheris", "plain"), default="atheris" if has_atheris() else "plain"
    )
    parser.add_argument("--keep", action="store_true", help="put what was found into the repository's corpus")
    options = parser.parse_args()
    names = options.targets or targets.names()
    if unknown := set(names) - set(targets.names()):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if options.keep:
        for name in names:
            print(f"{name}: {keep(name)} inputs")
        return 0

    def run(name: str) -> Result:
        return Run(name, options.engine, options.seconds, options.seed)()

    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(run, names))
    print(table(results))
    crashes = sum(one.crashes for one in results)
    if crashes:
        print(f"\n{crashes} findings are in {WORK.relative_to(ROOT)}/*/crashes", file=sys.stderr)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
