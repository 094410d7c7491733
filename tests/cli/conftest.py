"""The kvmctl command as a program, and a session daemon of its own for those tests that need one."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pexpect
import pytest

from kvmctl.cli.main import main

KVMCTL = Path(sys.executable).with_name("kvmctl")
URI = "kvmctl:///session"


@dataclass(frozen=True, slots=True)
class Cli:
    """Runs kvmctl with one environment."""

    environment: dict[str, str]
    uri: str | None = None

    def __call__(
        self, *arguments: str, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def terminal(self, *arguments: str) -> pexpect.spawn[str]:
        program, *rest = self.command(*arguments)
        return pexpect.spawn(
            program, rest, env=self.environment, encoding="utf-8", timeout=30, dimensions=(24, 80)
        )

    def command(self, *arguments: str) -> list[str]:
        return [str(KVMCTL), *(["-c", self.uri] if self.uri else []), *arguments]


class InProcess(Cli):
    """The same in this process, which spares the start of an interpreter a command."""

    def __call__(
        self, *arguments: str, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        output, errors = io.StringIO(), io.StringIO()
        status = 0
        with (
            patch.object(sys, "argv", command),
            patch.object(sys, "stdin", io.StringIO(stdin or "")),
            patch.dict(os.environ, self.environment, clear=True),
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
            except Exception:
                traceback.print_exc()
                status = 1
        return subprocess.CompletedProcess(command, status, output.getvalue(), errors.getvalue())


def processor_ticks(pid: int | None) -> int:
    """User and system time of a process so far, in clock ticks of a hundredth of a second (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def plain_environment() -> dict[str, str]:
    """The caller's environment without what changes kvmctl's output or connection."""
    dropped = ("LIBVIRT_DEFAULT_URI", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "80"}


@pytest.fixture
def test_driver() -> Cli:
    """Against libvirt's own test driver: no daemon, the same domain `test` every time."""
    return InProcess(plain_environment(), "test:///default")


@pytest.fixture
def home() -> Iterator[Path]:
    """A user's directories, short enough for socket paths."""
    path = Path(tempfile.mkdtemp(prefix="kvmctl-", dir="/tmp"))
    path.chmod(0o700)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def session(home: Path) -> Iterator[Cli]:
    """kvmctl:///session of a fresh home; its guests and its daemon end with the test."""
    directories = {
        "HOME": home,
        "XDG_RUNTIME_DIR": home / "run",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
    }
    for path in directories.values():
        path.mkdir(mode=0o700, exist_ok=True)
    cli = Cli(plain_environment() | {name: str(path) for name, path in directories.items()}, URI)
    yield cli
    runtime = home / "run" / "libvirt"
    for pid_file in [*runtime.glob("kvmctl/*.pid"), runtime / "virtkvmctld.pid"]:
        with suppress(OSError, ValueError):
            _end(int(pid_file.read_text()))


def _end(pid: int) -> None:
    """SIGTERM, and SIGKILL for what is still there after five seconds."""
    os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        time.sleep(0.05)
        os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)
