"""The daemon's own life: killed, ended, restarted, started twice, idle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import libvirt
import pexpect
import pytest

from kvmctl.driver.vmprocess import ProcessIdentity
from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml, monitor_xml
from tests.driver.waiting import wait_until


@pytest.mark.kvm
@pytest.mark.parametrize("maker", [fake_xml, monitor_xml], ids=["stand-in", "kvmctl-vmm"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_guests_survive(daemon: SessionDaemon, number: signal.Signals, maker: Callable[[str], str]) -> None:
    daemon.virsh("define", daemon.write("kept.xml", maker("kept")))
    daemon.virsh("start", "kept")
    daemon.virsh("create", daemon.write("transient.xml", maker("transient")))
    daemon.virsh("suspend", "transient")
    before = daemon.virsh("list").stdout
    pid = daemon.vmm_pid("kept")
    daemon.stop(number)
    os.kill(pid, 0)
    daemon.start()
    assert daemon.virsh("list").stdout == before
    assert daemon.vmm_pid("kept") == pid
    assert daemon.virsh("domstate", "--reason", "transient").stdout.strip() == "paused (user)"
    assert "Persistent:     no" in daemon.virsh("dominfo", "transient").stdout
    child = pexpect.spawn("virsh", ["-c", daemon.uri, "console", "kept"], env=daemon.environment, timeout=20)
    child.expect("Escape character is")
    child.send("\recho adopted\r")
    child.expect("adopted\r\n")
    child.send("\x1d")
    child.expect(pexpect.EOF)
    daemon.virsh("destroy", "kept")
    daemon.virsh("destroy", "transient")
    assert daemon.virsh("list", "--all", "--name").stdout.split() == ["kept"]


@pytest.mark.kvm
def test_guests_that_ended_meanwhile(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("kept.xml", fake_xml("kept")))
    daemon.virsh("start", "kept")
    daemon.virsh("create", daemon.write("transient.xml", fake_xml("transient")))
    pids = [daemon.vmm_pid(name) for name in ("kept", "transient")]
    daemon.stop(signal.SIGKILL)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    daemon.start()
    assert daemon.virsh("list", "--all").stdout.split() == ["-", "kept", "shut", "off"]
    assert not list(daemon.run.glob("*.xml"))
    # Ids are not used again.
    daemon.virsh("start", "kept")
    assert daemon.virsh("domid", "kept").stdout.strip() == "3"


@pytest.mark.kvm
def test_killed_vmm_is_a_crash(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("kept.xml", fake_xml("kept")))
    daemon.virsh("start", "kept")
    os.kill(daemon.vmm_pid("kept"), signal.SIGKILL)
    wait_until(lambda: daemon.virsh("domstate", "--reason", "kept").stdout.strip() == "shut off (crashed)")
    assert not list(daemon.run.glob("kept.*"))


@pytest.mark.kvm
def test_silent_vmm(daemon: SessionDaemon) -> None:
    """A VMM that does not answer the next daemon is still its guest, and can be ended."""
    daemon.virsh("create", daemon.write("guest.xml", fake_xml("guest")))
    pid = daemon.vmm_pid("guest")
    os.kill(pid, signal.SIGSTOP)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.virsh("domstate", "guest").stdout.strip() == "running"
    assert "does not answer" in daemon.error("suspend", "guest")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not daemon.virsh("suspend", "guest", check=False).returncode)
    os.kill(pid, signal.SIGSTOP)
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("list", "--all").stdout.strip() == ""


@pytest.mark.kvm
def test_autodestroy_across_a_restart(daemon: SessionDaemon) -> None:
    """The client that the guest was to live as long as has lost its connection."""
    connection = libvirt.open(daemon.uri)
    connection.createXML(fake_xml("guest"), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.virsh("list", "--all").stdout.strip() == ""


@pytest.mark.kvm
def test_unfinished_start_is_undone(daemon: SessionDaemon) -> None:
    """The daemon dies while it waits for a VMM that does not greet."""
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest", cmdline="mute")))
    client = subprocess.Popen(["virsh", "-c", daemon.uri, "start", "guest"], stderr=subprocess.DEVNULL)
    wait_until((daemon.run / "guest.pid").exists)
    time.sleep(0.5)
    pid = daemon.vmm_pid("guest")
    daemon.stop(signal.SIGKILL)
    client.wait(20)
    daemon.start()
    identity = ProcessIdentity.of(pid)
    assert identity is None or not identity.alive()
    assert daemon.virsh("domstate", "guest").stdout.strip() == "shut off"


def test_broken_files_are_left_alone(session: SessionDaemon) -> None:
    session.definitions.mkdir(parents=True)
    broken = session.definitions / "broken.xml"
    broken.write_text("<domain")
    (session.definitions / "alias.xml").write_text(fake_xml("another"))
    session.run.mkdir(parents=True)
    (session.run / "odd.xml").write_text("<nothing/>")
    session.start()
    assert session.virsh("list", "--all").stdout.strip() == ""
    log = session.output.read_text()
    assert f"ignoring domain definition {broken}" in log
    assert "it defines a domain named 'another'" in log
    assert "odd.xml" in log
    assert broken.read_text() == "<domain"


def test_reload(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    stored = (daemon.definitions / "guest.xml").read_text()
    other = stored.replace("<name>guest<", "<name>other<").replace(
        daemon.virsh("domuuid", "guest").stdout.strip(), "11111111-2222-3333-4444-555555555555"
    )
    (daemon.definitions / "other.xml").write_text(other)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.virsh("list", "--all", "--name").stdout.split() == ["guest", "other"])


@pytest.mark.kvm
def test_autostart_once_a_boot(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    daemon.virsh("autostart", "guest")
    daemon.stop()
    (daemon.run / "autostarted").unlink()  # as after a reboot, which empties the run directory
    daemon.start()
    assert daemon.virsh("domstate", "guest").stdout.strip() == "running"
    daemon.virsh("destroy", "guest")
    daemon.stop()
    daemon.start()
    assert daemon.virsh("domstate", "guest").stdout.strip() == "shut off"


def test_second_daemon_is_refused(daemon: SessionDaemon) -> None:
    first = daemon.process
    second = daemon.start(wait=False)
    assert second.wait(20) == 1
    assert "another virtkvmctld already runs" in daemon.output.read_text()
    daemon.process = first
    daemon.virsh("uri")


def test_idle_timeout(session: SessionDaemon) -> None:
    process = session.start("--timeout", "1")
    assert process.wait(20) == 0
    assert not session.socket.exists()


@pytest.mark.kvm
def test_a_guest_keeps_the_daemon(session: SessionDaemon) -> None:
    process = session.start("--timeout", "1")
    session.virsh("create", session.write("guest.xml", fake_xml("guest")))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    session.virsh("destroy", "guest")
    assert process.wait(20) == 0


def test_background(session: SessionDaemon) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kvmctl.driver.main", "--session", "--daemon", "--timeout", "2"],
        env=session.environment,
        timeout=20,
    )
    assert done.returncode == 0
    session.virsh("uri")
    pid = int((session.directory / "run/libvirt/virtkvmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)


def test_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kvmctl.driver.main", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("virtkvmctld ")
