"""What a daemon and its guests have on this host: it has to be the same before a fault and after it."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.conftest import SessionDaemon

_PR_SET_CHILD_SUBREAPER = 36
_CGROUPS = Path("/sys/fs/cgroup")
_CLIENTS = ("virsh",)
_SOCKET = "/virtkvmctld-sock"
_CONNECTED = "03"
"""SS_CONNECTED in /proc/net/unix."""


@dataclass(frozen=True)
class Census:
    processes: tuple[str, ...]
    descriptors: tuple[str, ...]
    """Of the daemon, without its clients' connections."""
    links: tuple[str, ...]
    rules: str
    groups: tuple[str, ...]
    files: tuple[str, ...]
    """In the run directory, and sockets and temporary files wherever they are."""


class Host:
    """A session daemon in a network namespace of its own, whose orphans are this process's children."""

    def __init__(self, daemon: SessionDaemon) -> None:
        self.daemon = daemon
        self.space = f"kvmctl-faults-{os.getpid()}"
        self._before: Census | None = None

    def open(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        subprocess.run(["ip", "netns", "add", self.space], check=True)
        # nsenter alone: `ip netns exec` would hide the control groups behind a new /sys.
        self.daemon.prefix = ("nsenter", f"--net=/run/netns/{self.space}")
        temporary = self.daemon.directory / "tmp"
        temporary.mkdir()
        self.daemon.environment["TMPDIR"] = str(temporary)
        self.inside("ip", "link", "set", "lo", "up")

    def close_daemon(self) -> None:
        """With all that it has started."""
        process = self.daemon.process
        if process is not None and process.poll() is None:
            self.daemon.stop(signal.SIGKILL)
        for child in self.children():
            with suppress(psutil.Error):
                child.kill()
        self._reap()

    def close(self) -> None:
        self.close_daemon()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        subprocess.run(["ip", "netns", "delete", self.space], check=True)

    def inside(self, *command: str) -> str:
        done = subprocess.run([*self.daemon.prefix, *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def children(self, name: str = "") -> list[psutil.Process]:
        """The daemon's and its guests' processes, or those of that name, zombies left out."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                ended = process.status() == psutil.STATUS_ZOMBIE
                if not ended and process.name() not in _CLIENTS and _title(process).startswith(name):
                    found.append(process)
        return found

    def child(self, name: str) -> psutil.Process:
        (found,) = self.children(name)
        return found

    # the census

    def take(self) -> Census:
        self._reap()
        assert self.daemon.process is not None
        directory = self.daemon.directory
        mark = hashlib.sha256(bytes(self.daemon.run)).hexdigest()[:8]
        return Census(
            processes=tuple(sorted(_title(process).split()[0] for process in self.children())),
            descriptors=_descriptors(self.daemon.process.pid),
            links=tuple(sorted(line.split(":")[1] for line in self.inside("ip", "-o", "link").splitlines())),
            rules=self.inside("nft", "list", "ruleset") if shutil.which("nft") else "",
            groups=tuple(sorted(map(str, _CGROUPS.glob(f"*/*/kvmctl-{mark}-*")))),
            files=tuple(
                sorted(
                    str(path.relative_to(directory))
                    for path in directory.rglob("*")
                    if path.is_relative_to(self.daemon.run)
                    or path.is_relative_to(directory / "tmp")
                    or path.is_socket()
                )
            ),
        )

    def remember(self) -> None:
        """This is how it has to be again."""
        self._before = self.take()

    def check(self, seconds: float = 20) -> str:
        """Wait for that; says so in the words of the table."""
        before = self._before
        assert before is not None
        deadline = time.monotonic() + seconds
        while (now := self.take()) != before:
            if time.monotonic() > deadline:
                was, found = asdict(before), asdict(now)
                raise AssertionError(
                    "left behind: "
                    + "; ".join(f"{key}: {was[key]} -> {found[key]}" for key in was if was[key] != found[key])
                )
            time.sleep(0.05)
        return f"nothing left ({len(now.descriptors)} descriptors as before)"

    def _reap(self) -> None:
        """Orphans that have ended; what subprocess knows of is its own to wait for."""
        own = self.daemon.process.pid if self.daemon.process is not None else None
        for process in psutil.Process().children():
            with suppress(psutil.Error, ChildProcessError):
                if process.pid != own and process.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(process.pid, os.WNOHANG)


def _descriptors(pid: int) -> tuple[str, ...]:
    """What each is on. libvirt's client keeps its connection for as long as any object of it is held."""
    sockets = {}
    # What a listening socket accepts belongs to its client's network namespace.
    tables = [Path(f"/proc/{who}/net/unix").read_text().splitlines()[1:] for who in (pid, "self")]
    for row in itertools.chain(*tables):
        words = row.split()
        path = words[7] if len(words) > 7 else ""
        sockets[f"socket:[{words[6]}]"] = (path, words[5] == _CONNECTED)
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            target = str(link.readlink())
            path, connected = sockets.get(target, (target, False))
            if not (connected and path.endswith(_SOCKET)):
                found.append(re.sub(r":\[\d+\]", "", path) or "socket")
    return tuple(sorted(found))


def _title(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
        return " ".join(command) if command and command[0].startswith("kvmctl-") else process.name()
    except psutil.Error:
        return "gone"
