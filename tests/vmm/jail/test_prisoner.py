"""Hostile code in a VMM's process gets nothing: with all of the jail, and with each half of it alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from kvmctl.driver.config import Config
from kvmctl.driver.jail import settings
from kvmctl.host.jail import Settings
from kvmctl.vmm.jail.threads import Thread

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root's daemon has the whole jail")

REFUSED = ("EACCES", "ENOSYS")
BREACH = "ended 159"
"""By SIGSYS, whose handler has told of it."""
FOREIGN = "ended -31"
"""By SIGSYS itself: there is no handler for another table of system calls."""
WITHOUT_FILTERS = {
    "open a file": "ENOENT",
    "open by the old call": "ENOENT",
    "create a file": "EROFS",
    "chroot": "EPERM",
    "mount": "EPERM",
    "unmount": "EPERM",
    "pivot_root": "EPERM",
    "execute": "ENOENT",
    "kill another": "ESRCH",
    "kill all": "ESRCH",
    "kill a thread of another": "ESRCH",
    "a descriptor of a process": "ESRCH",
    "ptrace": "ESRCH",
    "become root": "EPERM",
    "become any user": "EPERM",
    "a raw socket": "EPERM",
    "reboot": "EPERM",
    "set the clock": "EPERM",
    "the host's name": "EPERM",
    "swap": "EPERM",
    "priority": "EACCES",
    "a limit of another": "ESRCH",
}
"""What the user, the capabilities and the namespaces are enough for."""


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        assert process.poll() is None
        process.kill()


def attempts(jail: Settings, thread: Thread, victim: int, names: Sequence[str] = ()) -> dict[str, str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.vmm.jail.prisoner", jail.to_json(), thread.name, str(victim), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    lines = [json.loads(line) for line in output.splitlines()]
    return {line["attempt"]: line["result"] for line in lines}


@pytest.mark.parametrize("thread", Thread)
def test_the_whole_jail(thread: Thread, victim: subprocess.Popen[bytes]) -> None:
    results = attempts(settings(Config()), thread, victim.pid)
    assert len(results) > 50
    assert results.pop("a foreign system call table") == FOREIGN
    assert {name: result for name, result in results.items() if result not in (*REFUSED, BREACH)} == {}


def test_without_the_filters(victim: subprocess.Popen[bytes]) -> None:
    """A filter that has a hole still leaves these."""
    jail = replace(settings(Config()), seccomp=False)
    assert attempts(jail, Thread.CONTROL, victim.pid, list(WITHOUT_FILTERS)) == WITHOUT_FILTERS


def test_with_nothing_but_the_filters(victim: subprocess.Popen[bytes]) -> None:
    """As where the host refuses namespaces, and the daemon is a user's."""
    results = attempts(Settings(seccomp=True), Thread.CONTROL, victim.pid)
    del results["a foreign system call table"]
    assert {name: result for name, result in results.items() if result not in (*REFUSED, BREACH)} == {}


def test_a_breach_is_told_with_its_name(victim: subprocess.Popen[bytes]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.vmm.jail.prisoner"),
            *(Settings(seccomp=True).to_json(), Thread.IO.name, str(victim.pid), "ptrace"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "error: system call 101 (ptrace, second argument 0x" in done.stderr
    assert "is not allowed in the jail" in done.stderr
