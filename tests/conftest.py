"""Fixtures for all rooms: whether this host has KVM, and a session daemon of one's own with the real virsh
to talk to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmctl.host import kvm
from tests.budget import load_profile
from tests.guests.linux.fixture import linux_guest as linux_guest

load_profile()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if kvm.available():
        return
    reason = (
        f"{kvm.DEVICE} is missing" if not Path(kvm.DEVICE).exists() else f"no permission for {kvm.DEVICE}"
    )
    for item in items:
        if item.get_closest_marker("kvm"):
            item.add_marker(pytest.mark.skip(reason=reason))


class SessionDaemon:
    """A virtkvmctld of a user session that lives in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(directory / "run"),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_CACHE_HOME": str(directory / "cache"),
            "LC_ALL": "C",
        }
        (directory / "run").mkdir(mode=0o700)
        self.run = directory / "run/libvirt/kvmctl"
        self.definitions = directory / "config/libvirt/kvmctl"
        self.logs = directory / "cache/libvirt/kvmctl/log"
        self.socket = directory / "run/libvirt/virtkvmctld-sock"
        self.output = directory / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: tuple[str, ...] = ()
        """Of the daemon's command line: in what it runs."""

    @property
    def uri(self) -> str:
        """With the socket named, because libvirt's client looks for root's daemons under /run whatever the
        path says."""
        return f"kvmctl+unix:///session?socket={self.socket}"

    @property
    def uri_readonly(self) -> str:
        return f"{self.uri}-ro"

    def start(self, *options: str, wait: bool = True) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *self.prefix,
                    sys.executable,
                    "-m",
                    "kvmctl.driver.main",
                    "--session",
                    "--verbose",
                    *options,
                ],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if wait:
            self.await_answer()
        return self.process

    def await_answer(self) -> None:
        deadline = time.monotonic() + 20
        while self.virsh("uri", check=False).returncode:
            assert self.process is None or self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def virsh(
        self, *arguments: str, check: bool = True, readonly: bool = False
    ) -> subprocess.CompletedProcess[str]:
        command = [
            "virsh",
            "-q",
            *(["-r"] if readonly else []),
            "-c",
            self.uri_readonly if readonly else self.uri,
        ]
        done = subprocess.run(
            [*command, *arguments], env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert not check or done.returncode == 0, f"{done.stderr}{self.output.read_text()}"
        return done

    def error(self, *arguments: str, readonly: bool = False) -> str:
        """What virsh says about a command that has to fail."""
        done = self.virsh(*arguments, check=False, readonly=readonly)
        assert done.returncode != 0, done.stdout
        return done.stderr.strip()

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def vmm_pid(self, name: str) -> int:
        return int((self.run / f"{name}.pid").read_text())

    def clean_up(self) -> None:
        """End the daemon and every guest that it left."""
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)
        for file in self.run.glob("*.pid"):
            try:
                os.kill(int(file.read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        shutil.rmtree(self.directory)


@contextmanager
def session_daemon() -> Iterator[SessionDaemon]:
    """The directories only; who uses it starts the daemon. In /tmp, because a socket's path is short."""
    if shutil.which("virsh") is None:
        pytest.skip("virsh is not installed (libvirt-clients)")
    daemon = SessionDaemon(Path(tempfile.mkdtemp(prefix="kvmctl-test-")))
    try:
        yield daemon
    finally:
        daemon.clean_up()


@pytest.fixture
def session() -> Iterator[SessionDaemon]:
    with session_daemon() as daemon:
        yield daemon


@pytest.fixture
def daemon(session: SessionDaemon) -> SessionDaemon:
    session.start()
    return session
