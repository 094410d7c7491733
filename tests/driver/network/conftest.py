"""A daemon in a network namespace of its own: whatever it does to the network, this host's stays as it is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon, session_daemon

_PING = """
import socket, struct, sys
echo = struct.pack(">BBHHH", 8, 0, 0, 0x6B76, 1) + b"kvmctl"
words = sum(struct.unpack(f">{len(echo) // 2}H", echo))
words = (words >> 16) + (words & 0xFFFF)
echo = echo[:2] + struct.pack(">H", ~words & 0xFFFF) + echo[4:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
    icmp.settimeout(float(sys.argv[2]))
    icmp.sendto(echo, (sys.argv[1], 0))
    while True:
        reply, (sender, _) = icmp.recvfrom(2048)
        if sender == sys.argv[1] and reply[20] == 0 and reply[24:26] == echo[4:6]:
            break
"""


class Namespace:
    """ip-netns(8)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.prefix = ("ip", "netns", "exec", name)

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def ping(self, address: str, seconds: float) -> bool:
        """Whether it answers an echo request within that time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            command = [*self.prefix, sys.executable, "-c", _PING, address, "2"]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return True
        return False

    def add_way_out(self) -> None:
        """An interface with an address and a default route, and nobody behind it."""
        for command in (
            "ip link add out type veth peer name far",
            "ip link set far up",
            "ip addr add 203.0.113.2/24 dev out",
            "ip link set out up",
            "ip route add default via 203.0.113.1",
        ):
            self.run(*command.split())

    def processes(self, program: str = "") -> list[int]:
        """Those in here, or those of them whose command begins so."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split() if _command(pid).startswith(program)]

    def kill_all(self) -> None:
        """What is left of daemons' children."""
        for pid in self.processes():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_text()
    except OSError:
        return ""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or shutil.which("ip") is None:
        pytest.skip("needs root, /dev/net/tun and ip (iproute2)")
    space = Namespace(f"kvmctl-test-{os.getpid()}")
    subprocess.run(["ip", "netns", "add", space.name], check=True)
    try:
        space.run("ip", "link", "set", "lo", "up")
        yield space
    finally:
        space.kill_all()
        subprocess.run(["ip", "netns", "delete", space.name], check=True)


@pytest.fixture
def isolated(namespace: Namespace) -> Iterator[SessionDaemon]:
    with session_daemon() as daemon:
        daemon.prefix = namespace.prefix
        daemon.start()
        yield daemon


@pytest.fixture
def needs_programs() -> None:
    for program in ("dnsmasq", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
