"""The daemon's answers to virsh, command by command, beside those of libvirt's own test driver."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.conformance import oracle, table
from tests.driver.conformance.definitions import spelled, write_files
from tests.driver.conformance.table import Row

_TEST_DRIVER = "test:///default"

Answers = list[tuple[Row, oracle.Answer, oracle.Answer]]


@pytest.fixture(scope="module")
def daemon() -> Iterator[SessionDaemon]:
    with session_daemon() as session:
        session.start()
        yield session


def _ask(
    daemon: SessionDaemon,
    directory: Path,
    rows: list[Row],
    *,
    interface: bool,
    other: tuple[str, str] = ("test", _TEST_DRIVER),
) -> Answers:
    """What another driver says to each command, and what the daemon does."""
    found = []
    for kind, uri in (other, ("kvm", daemon.uri)):
        before = ["destroy test", "undefine test"] if kind == "test" else []
        (directory / kind).mkdir()
        words = write_files(kind, directory / kind, interface=interface)
        commands = [*before, spelled("define GUEST", words), *(spelled(row.command, words) for row in rows)]
        found.append(oracle.run(uri, commands, daemon.environment)[len(before) + 1 :])
    for name in daemon.virsh("list", "--all", "--name").stdout.split():
        daemon.virsh("destroy", name, check=False)
        daemon.virsh("undefine", name, check=False)
    return list(zip(rows, *found, strict=True))


@pytest.mark.kvm
def test_beside_qemu(daemon: SessionDaemon, qemu_uri: str, tmp_path: Path) -> None:
    """The second oracle: what fails, and with which words."""
    answers = _ask(daemon, tmp_path, table.DEFINED, interface=True, other=("qemu", qemu_uri))
    unlike = {
        row.command: f"\n  QEMU driver: {theirs}\n  daemon: {ours}"
        for row, theirs, ours in answers
        if (theirs.failed, theirs.errors) != (ours.failed, ours.errors)
    }
    assert unlike.keys() == table.QEMU.keys(), unlike


def _check(answers: Answers) -> None:
    unlike = [
        f"{row.command}\n  test driver: {theirs}\n  daemon: {ours}"
        for row, theirs, ours in answers
        if theirs != ours and row.differs is None
    ]
    assert not unlike, "\n".join(unlike)
    stale = [row.command for row, theirs, ours in answers if theirs == ours and row.differs is not None]
    assert not stale, "these no longer differ"


def test_size() -> None:
    assert len(table.DEFINED) + len(table.RUNNING) >= 150


@pytest.mark.kvm
def test_defined(daemon: SessionDaemon, tmp_path: Path) -> None:
    _check(_ask(daemon, tmp_path, table.DEFINED, interface=True))


@pytest.mark.kvm
def test_running(daemon: SessionDaemon, tmp_path: Path) -> None:
    _check(_ask(daemon, tmp_path, table.RUNNING, interface=False))


@pytest.mark.parametrize(
    "command", ["list", "dominfo nosuch", "nosuch", "list --bogus", "domstate", "define /nonexistent", "uri"]
)
def test_exit_status(daemon: SessionDaemon, command: str) -> None:
    statuses = {
        subprocess.run(
            ["virsh", "-c", uri, *command.split()], env=daemon.environment, capture_output=True, timeout=30
        ).returncode
        for uri in (_TEST_DRIVER, daemon.uri)
    }
    assert len(statuses) == 1
