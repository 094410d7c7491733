"""The launcher may die at any time: a start asks the next one, and what was begun is not left behind."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from kvmctl.driver.launcher import Launcher, Options
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.host.jail import OPEN
from kvmctl.vmm.launcher import Request, _fork

GUEST = "launcher-test"


def _ask(launcher: Launcher, directory: Path) -> tuple[ProcessIdentity, int]:
    """The request is whole, its domain is not: the VMM ends by itself."""
    with (directory / "log").open("wb") as output, (directory / "log").open("rb") as domain:
        return launcher.fork(GUEST, Options(directory), output.fileno(), domain.fileno(), {})


def _launchers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "launcher" in _command(child)]


def _command(process: psutil.Process) -> str:
    """Of one that lives; other tests' processes end at any time."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_launcher_that_dies_over_a_request(tmp_path: Path) -> None:
    launcher = Launcher()
    launcher.start()
    (first,) = _launchers()
    try:
        _await(lambda: first.cmdline()[:1] == ["kvmctl-launcher"])
        first.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(_ask, launcher, tmp_path)
            time.sleep(0.1)
            assert not asked.done()
            first.kill()
            identity, pidfd = asked.result(30)
        os.close(pidfd)
        assert identity.pid > 0
        (second,) = _launchers()
        assert second.pid != first.pid
    finally:
        launcher.close()
    _await(lambda: not _launchers())


def test_a_child_without_a_word_ends(tmp_path: Path) -> None:
    """What was forked when the launcher died, with nobody told of it, does not become a guest."""
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "log").open("wb") as output, (tmp_path / "log").open("rb") as domain:
        request = Request(GUEST, tmp_path, True, OPEN, output.fileno(), domain.fileno(), {})
        child = _fork(theirs, request)
        assert os.waitpid(child.pid, os.WNOHANG) == (0, 0)
        os.close(child.go)
        _pid, status = os.waitpid(child.pid, 0)
        os.close(child.pidfd)
    assert os.waitstatus_to_exitcode(status) == 1
    assert (tmp_path / "log").read_bytes() == b""
