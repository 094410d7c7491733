"""`virsh shutdown` of a guest that answers its power button, through the daemon."""

from __future__ import annotations

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
    deadline = time.monotonic() + 20
    while (state := daemon.virsh("domstate", "--reason", "button").stdout.strip()) != "shut off (shutdown)":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
