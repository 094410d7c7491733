"""on_poweroff, on_reboot and on_crash, from the guest's own doing to what virsh shows."""

from __future__ import annotations

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.waiting import wait_until

pytestmark = pytest.mark.kvm


def started(daemon: SessionDaemon, policy: str) -> None:
    daemon.virsh("define", daemon.write("guest.xml", monitor_xml("guest", extra=policy)))
    daemon.virsh("start", "guest")


def say(daemon: SessionDaemon, command: str) -> None:
    connection = libvirt.open(daemon.uri)
    stream = connection.newStream(0)
    connection.lookupByName("guest").openConsole(None, stream, 0)
    received = b""
    while b"> " not in received:
        received += stream.recv(4096)
    stream.send(f"{command}\r".encode())
    stream.finish()
    connection.close()


def reason(daemon: SessionDaemon) -> str:
    return daemon.virsh("domstate", "--reason", "guest").stdout.strip()


@pytest.mark.parametrize(
    ("policy", "command", "state"),
    [
        ("", "poweroff", "shut off (shutdown)"),
        ("<on_reboot>destroy</on_reboot>", "reboot", "shut off (shutdown)"),
        ("<on_poweroff>preserve</on_poweroff>", "poweroff", "in shutdown (unknown)"),
        ("", "crash", "shut off (crashed)"),
        ("<on_crash>preserve</on_crash>", "crash", "crashed (panicked)"),
    ],
)
def test_end(daemon: SessionDaemon, policy: str, command: str, state: str) -> None:
    started(daemon, policy)
    say(daemon, command)
    wait_until(lambda: reason(daemon) == state)


@pytest.mark.parametrize(
    ("policy", "command"),
    [
        ("", "reboot"),
        ("<on_poweroff>restart</on_poweroff>", "poweroff"),
        ("<on_crash>restart</on_crash>", "crash"),
    ],
)
def test_restart(daemon: SessionDaemon, policy: str, command: str) -> None:
    """The same process with the same id, and the guest greets again."""
    started(daemon, policy)
    number = daemon.virsh("domid", "guest").stdout
    say(daemon, command)
    say(daemon, "help")
    assert daemon.virsh("domid", "guest").stdout == number
    assert reason(daemon) == "running (booted)"


def test_preserved_guest_runs_again_after_a_reset(daemon: SessionDaemon) -> None:
    started(daemon, "<on_poweroff>preserve</on_poweroff>")
    say(daemon, "poweroff")
    wait_until(lambda: reason(daemon).startswith("in shutdown"))
    daemon.stop()
    daemon.start()
    assert reason(daemon).startswith("in shutdown")
    assert "reset it before it can go on" in daemon.error("resume", "guest")
    daemon.virsh("reset", "guest")
    wait_until(lambda: reason(daemon).startswith("paused"))
    daemon.virsh("resume", "guest")
    say(daemon, "help")
    assert reason(daemon) == "running (unpaused)"
