"""User-mode networking: passt as a user without privileges, and what is said when it cannot start."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml
from tests.driver.network.conftest import Namespace

pytestmark = pytest.mark.skipif(shutil.which("passt") is None, reason="passt is not installed")

USER = "<interface type='user'>{}</interface><serial type='pty'/>"

# Everything is imported while that is still allowed; then a DHCP request goes in, and an offer has to come.
_UNPRIVILEGED = """
import os, socket, struct
from kvmctl.backends import passt
from kvmctl.domain import Interface
interface = Interface(type="user")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
stream = socket.socket(fileno=passt.start(interface))
mac = bytes.fromhex("525400000101")
bootp = struct.pack(">BBBBIHHIIII", 1, 1, 6, 0, 7, 0, 0x8000, 0, 0, 0, 0) + mac + bytes(202)
bootp = (bootp + bytes.fromhex("63825363350101ff")).ljust(300, b"\\0")
udp = struct.pack(">HHHH", 68, 67, 8 + len(bootp), 0) + bootp
ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0, 0xFFFFFFFF)
total = sum(struct.unpack(">10H", ip))
total = (total >> 16) + (total & 0xFFFF)
ip = ip[:10] + struct.pack(">H", ~total & 0xFFFF) + ip[12:]
frame = b"\\xff" * 6 + mac + b"\\x08\\0" + ip + udp
stream.settimeout(20)
stream.sendall(struct.pack(">I", len(frame)) + frame)
data = b""
while len(data) < 4 + 14 + 20 + 8 + 20:
    data += stream.recv(65536)
print(os.getuid(), socket.inet_ntoa(data[4 + 14 + 20 + 8 + 16 :][:4]))
"""


def test_without_privileges(namespace: Namespace) -> None:
    """The guest gets the host's own address, which is how passt works."""
    namespace.add_way_out()
    done = subprocess.run(
        [*namespace.prefix, sys.executable, "-c", _UNPRIVILEGED], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["65534", "203.0.113.2"], done.stderr


def test_it_ends_with_its_guest(namespace: Namespace, isolated: SessionDaemon) -> None:
    """Also when the daemon is not there to see to it."""
    namespace.add_way_out()
    isolated.virsh("create", isolated.write("user.xml", fake_xml("user", devices=USER.format(""))))
    assert len(namespace.processes("passt")) == 1
    assert "<backend type='passt'/>" in isolated.virsh("dumpxml", "user").stdout
    isolated.stop()
    assert len(namespace.processes("passt")) == 1
    isolated.start()
    isolated.virsh("destroy", "user")
    deadline = time.monotonic() + 20
    while namespace.processes("passt"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_host_without_a_way_out(isolated: SessionDaemon) -> None:
    message = isolated.error("create", isolated.write("user.xml", fake_xml("user", devices=USER.format(""))))
    assert "passt cannot start: " in message
    assert "No external routable interface for IPv4" in message
    assert "syslog" not in message


def test_ports_that_lead_to_the_guest(namespace: Namespace, isolated: SessionDaemon) -> None:
    namespace.add_way_out()
    inside = (
        "<ip family='ipv4' address='203.0.113.77' prefix='24'/>"
        "<portForward proto='tcp'><range start='2022' to='22'/><range start='8000' end='8010' to='80'/>"
        "<range start='8005' exclude='yes'/></portForward>"
        "<portForward proto='udp' address='127.0.0.1'><range start='5353'/></portForward>"
    )
    xml = fake_xml("user", devices=USER.format(inside))
    isolated.virsh("create", isolated.write("user.xml", xml))
    (pid,) = namespace.processes("passt")
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    options = dict(pairwise(command))
    assert options["--tcp-ports"] == "2022-2022:22-22,8000-8010:80-90,~8005-8005"
    assert options["--udp-ports"] == "127.0.0.1/5353-5353"
    assert (options["--address"], options["--netmask"]) == ("203.0.113.77", "24")
    connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 10)"
    for port, open_ in (("2022", True), ("8010", True), ("8005", False)):
        done = subprocess.run([*namespace.prefix, sys.executable, "-c", connect, port], capture_output=True)
        assert (done.returncode == 0) is open_
    isolated.virsh("destroy", "user")


def test_addresses_are_for_user_mode_networking_only(isolated: SessionDaemon) -> None:
    devices = "<interface type='ethernet'><ip address='192.0.2.1'/></interface>"
    message = isolated.error("create", isolated.write("x.xml", fake_xml("x", devices=devices)))
    assert "<ip> needs interface type='user'" in message
