"""Consoles: virsh in a terminal, and streams through libvirt-python."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import libvirt
import pexpect
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml, monitor_xml

pytestmark = pytest.mark.kvm

ESCAPE = "\x1d"  # Ctrl-]


def virsh(daemon: SessionDaemon, *arguments: str) -> pexpect.spawn:
    child = pexpect.spawn(
        "virsh", ["-c", daemon.uri, *arguments], env=daemon.environment, timeout=30, encoding="utf-8"
    )
    child.logfile_read = sys.stdout
    return child


def test_start_with_console(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", monitor_xml("guest")))
    child = virsh(daemon, "start", "--console", "guest")
    child.expect("Domain 'guest' started")
    child.expect("Escape character is")
    child.expect("help")
    child.send("echo through both ways\r")
    child.expect("\r\nthrough both ways")
    child.send(ESCAPE)
    child.expect(pexpect.EOF)
    # A second session after the first one; the guest's end ends it.
    child = virsh(daemon, "console", "guest")
    child.expect("Escape character is")
    child.send("\recho again\r")
    child.expect("\r\nagain")
    child.send("poweroff\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert daemon.virsh("domstate", "--reason", "guest").stdout.strip() == "shut off (shutdown)"


@pytest.mark.parametrize(
    ("command", "state"), [("poweroff", "shut off (shutdown)"), ("panic", "shut off (crashed)")]
)
def test_guest_ends_itself(daemon: SessionDaemon, command: str, state: str) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    daemon.virsh("start", "guest")
    child = virsh(daemon, "console", "guest")
    child.expect("Escape character is")
    child.send(f"{command}\r")
    child.expect(pexpect.EOF)
    assert daemon.virsh("domstate", "--reason", "guest").stdout.strip() == state


@pytest.fixture
def guest(daemon: SessionDaemon) -> Iterator[libvirt.virDomain]:
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(daemon.uri)
    yield connection.createXML(fake_xml("guest"))
    connection.close()


def receive(stream: libvirt.virStream, until: bytes) -> bytes:
    data = b""
    while until not in data:
        piece = stream.recv(1024)
        if not piece:
            break
        data += piece
    return data


def test_one_session_at_a_time(guest: libvirt.virDomain) -> None:
    connection = guest.connect()
    first = connection.newStream(0)
    guest.openConsole(None, first, 0)
    first.send(b"hello\r")
    assert b"hello" in receive(first, b"\n")
    second = connection.newStream(0)
    with pytest.raises(libvirt.libvirtError) as caught:
        guest.openConsole(None, second, 0)
    assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_FAILED
    assert str(caught.value) == "operation failed: Active console session exists for this domain"
    third = connection.newStream(0)
    guest.openConsole("serial0", third, libvirt.VIR_DOMAIN_CONSOLE_FORCE | libvirt.VIR_DOMAIN_CONSOLE_SAFE)
    third.send(b"mine\r")
    assert b"mine" in receive(third, b"\n")
    with pytest.raises(libvirt.libvirtError):
        while first.recv(1024):
            pass
    third.finish()
    fourth = connection.newStream(0)
    guest.openConsole(None, fourth, 0)
    fourth.abort()


def test_unknown_device(guest: libvirt.virDomain) -> None:
    with pytest.raises(libvirt.libvirtError, match="cannot find character device serial7"):
        guest.openConsole("serial7", guest.connect().newStream(0), 0)


def test_much_data_both_ways(guest: libvirt.virDomain) -> None:
    """More than every buffer on the way holds; the stand-in echoes it all."""
    stream = guest.connect().newStream(0)
    guest.openConsole(None, stream, 0)
    sent = b"".join(b"%06d." % number for number in range(30_000))
    received = b""
    for start in range(0, len(sent), 2000):
        piece = sent[start : start + 2000]
        while piece:
            piece = piece[stream.send(piece) :]
        received += receive(stream, sent[min(start + 2000, len(sent)) - 7 :][:7])
    assert received == sent
    stream.finish()


def test_file_serial_and_log(daemon: SessionDaemon) -> None:
    output = daemon.directory / "serial.out"
    devices = f"<serial type='file'><source path='{output}'/></serial>"
    daemon.virsh("create", daemon.write("guest.xml", monitor_xml("guest", devices=devices)))
    deadline = time.monotonic() + 30
    while not (output.exists() and output.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "is not using a PTY" in daemon_console_error(daemon)


def daemon_console_error(daemon: SessionDaemon) -> str:
    child = virsh(daemon, "console", "guest")
    child.expect(pexpect.EOF)
    text: str = child.before
    return text


def test_pty_is_private(guest: libvirt.virDomain) -> None:
    terminal = guest.XMLDesc().split("tty='")[1].split("'")[0]
    assert os.stat(terminal).st_mode & 0o777 == 0o600  # noqa: PTH116
