"""Runs inputs and says what is wrong: exceptions that are no refusals, too much time, memory, descriptors."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.fuzz.target import Run, Target

CPU_SECONDS: Final = 4.0
"""The promise is one second; the rest is for coverage's counters and for caches that others use as well."""
MOST_MESSAGES: Final = 100
"""Of one kind in one input: a stranger is not to fill the log."""
_FD_INTERVAL: Final = 128
_PACKAGE: Final = f"{os.sep}kvmctl{os.sep}"


class TooMuch(BaseException):
    """Of time. No `except Exception` of the code stops it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong; `signature` is the same for inputs that show the same."""

    what: str
    signature: str


class _Log(logging.Handler):
    """Errors that the code caught, and only logged, are errors all the same."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._counts: Counter[str] = Counter()
        self.caught: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.caught = record.exc_info[1]
        self._counts[f"{record.filename}: {record.msg}"] += 1

    def take(self) -> tuple[BaseException | None, str | None]:
        """What was caught since the last time, and a message that came again and again."""
        caught, self.caught = self.caught, None
        message, times = next(iter(self._counts.most_common(1)), ("", 0))
        self._counts.clear()
        return caught, message if times > MOST_MESSAGES else None


class Judge:
    """Findings come in `findings`, one of each kind, with the input that showed it.

    `count_calls`: whether time is counted in calls of functions, which gives the same on every host, or in
    seconds of processor time.
    """

    def __init__(self, target: Target, *, count_calls: bool) -> None:
        self.findings: dict[str, tuple[Finding, bytes]] = {}
        self.executions = 0
        self.operations = 0
        self._target = target
        self._count_calls = count_calls
        self._log = _Log()
        root = logging.getLogger()
        root.handlers[:] = [self._log]
        self._run: Run = target.prepare()
        self._fds: int | None = None
        signal.signal(signal.SIGPROF, _too_slow)
        limit = _address_space() + target.memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    def close(self) -> None:
        logging.getLogger().removeHandler(self._log)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def __call__(self, data: bytes) -> None:
        self.executions += 1
        if self._fds is None:  # by now the fuzzer has its own open
            self._fds = _descriptors()
        try:
            with self._limits():
                self.operations += self._run(data)
        except self._target.refusals as error:
            self.operations += 1
            if _from_memory(error):
                self._found(error, data)
        except (Exception, TooMuch) as error:
            self._found(error, data)
        caught, repeated = self._log.take()
        if caught is not None:
            self._found(caught, data)
        if repeated is not None:
            self.findings.setdefault(repeated, (Finding("it fills the log", repeated), data))
        if self.executions % _FD_INTERVAL == 0:
            self.check_descriptors(data)

    def check_descriptors(self, data: bytes) -> None:
        """`data` is the last of the inputs since this was asked before."""
        if self._fds is None:
            return
        if _descriptors() > self._fds:
            gc.collect()
        if (now := _descriptors()) > self._fds:
            what = f"{now - self._fds} descriptors are left open: {', '.join(_open_files())}"
            self._fds = now
            self.findings.setdefault("fd", (Finding(what, "fd"), data))

    @contextmanager
    def _limits(self) -> Iterator[None]:
        if self._count_calls:
            sys.setprofile(_CallCounter(self._target.calls))
            try:
                yield
            finally:
                sys.setprofile(None)
            return
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - start > CPU_SECONDS:
            raise TooMuch(f"more than {CPU_SECONDS} seconds of processor time")

    def _found(self, error: BaseException, data: bytes) -> None:
        finding = _describe(error)
        self.findings.setdefault(finding.signature, (finding, data))


class _CallCounter:
    def __init__(self, limit: int) -> None:
        self._left = limit

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self._left -= 1
            if self._left < 0:
                raise TooMuch("too many calls of functions")


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooMuch(f"more than {CPU_SECONDS} seconds of processor time")


def _describe(error: BaseException) -> Finding:
    """The same place in our own code is the same finding."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in frame.filename] or list(frames)
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "nowhere"
    if isinstance(error, TooMuch):  # where it is caught is chance
        place = next((f"{Path(frame.filename).name}:{frame.name}" for frame in ours), place)
    text = "".join(traceback.format_exception(error))
    return Finding(text, f"{type(error).__name__} at {place}")


def _from_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _open_files() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return sorted(found)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def save(directory: Path, finding: Finding, data: bytes) -> Path:
    """The input, and beside it what it did."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"crash-{hashlib.sha256(finding.signature.encode()).hexdigest()[:12]}"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{finding.signature}\n\n{finding.what}")
    return path
