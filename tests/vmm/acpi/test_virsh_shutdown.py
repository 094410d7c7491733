"""`virsh shutdown` of a guest that answers its power button, through the daemon."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import domain_xml
from tests.vmm.conftest import GuestBuilder

pytestmark = pytest.mark.kvm

# Waits for the button's status bit, then writes S5.
GUEST = """
    1: mov $0x600, %dx
    in %dx, %ax
    test $0x0100, %ax
    jz 1b
    poweroff
    2: jmp 2b
"""
ACPI = "<features><acpi/></features>"


@pytest.mark.parametrize("command", ["shutdown", "shutdown --mode acpi"])
def test_virsh_shutdown(daemon: SessionDaemon, assemble: GuestBuilder, command: str) -> None:
    xml = domain_xml("button", kernel=str(assemble(GUEST)), extra=ACPI)
    daemon.virsh("define", daemon.write("button.xml", xml))
    daemon.virsh("start", "button")
    assert daemon.virsh("domstate", "button").stdout.strip() == "running"
    daemon.virsh(*command.split(), "button")
    _await(daemon, "shut off (shutdown)")


def test_virsh_reboot(daemon: SessionDaemon, assemble: GuestBuilder) -> None:
    """The guest powers itself off and is turned on again in its process; then it can be shut down."""
    xml = domain_xml("button", kernel=str(assemble(GUEST)), extra=ACPI)
    daemon.virsh("define", daemon.write("button.xml", xml))
    daemon.virsh("start", "button")
    pid, number = daemon.vmm_pid("button"), daemon.virsh("domid", "button").stdout
    watcher = subprocess.Popen(
        ["virsh", "-c", daemon.uri, "event", "--event", "reboot", "--timeout", "20"],
        env=daemon.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    daemon.virsh("reboot", "button", "--mode", "acpi")
    assert "event 'reboot' for domain 'button'" in watcher.communicate(timeout=30)[0]
    _await(daemon, "running (unpaused)")
    assert (daemon.vmm_pid("button"), daemon.virsh("domid", "button").stdout) == (pid, number)
    daemon.virsh("shutdown", "button")
    _await(daemon, "shut off (shutdown)")


def test_reboot_across_daemons(daemon: SessionDaemon, assemble: GuestBuilder) -> None:
    """A daemon that dies in the middle leaves the rest of the reboot to the next one."""
    slow = GUEST.replace("poweroff\n", "mov $4000000000, %rcx\n 3: dec %rcx\n jnz 3b\n poweroff\n")
    xml = domain_xml("button", kernel=str(assemble(slow, ring=3)), extra=ACPI)
    daemon.virsh("define", daemon.write("button.xml", xml))
    daemon.virsh("start", "button")
    pid = daemon.vmm_pid("button")
    daemon.virsh("reboot", "button")
    daemon.stop(signal.SIGKILL)
    time.sleep(1)
    daemon.start()
    _await(daemon, "running (unpaused)")
    assert daemon.vmm_pid("button") == pid


def _await(daemon: SessionDaemon, wanted: str) -> None:
    deadline = time.monotonic() + 20
    while (state := daemon.virsh("domstate", "--reason", "button").stdout.strip()) != wanted:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
