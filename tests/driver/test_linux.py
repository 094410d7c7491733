"""The whole line, end to end: a domain's XML becomes a Linux guest on virsh's console."""

from __future__ import annotations

import sys

import pexpect
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import LINUX_MEMORY, domain_xml
from tests.guests.linux.fixture import LinuxGuest

# Under half a minute where the guest is emulated and the host is idle; other tests may share its few CPUs.
PATIENCE = 240


@pytest.mark.kvm
@pytest.mark.slow
@pytest.mark.timeout(1500)  # the kernel is built here when it is in no cache
def test_linux_on_virsh_console(daemon: SessionDaemon, linux_guest: LinuxGuest) -> None:
    xml = domain_xml(
        "linux",
        kernel=str(linux_guest.kernel),
        initrd=str(linux_guest.initrd),
        cmdline=linux_guest.cmdline,
        memory=LINUX_MEMORY,
        devices="<console type='pty'/>",
    )
    daemon.virsh("define", daemon.write("linux.xml", xml))
    child = pexpect.spawn(
        "virsh", ["-c", daemon.uri, "start", "--console", "linux"], env=daemon.environment, encoding="utf-8"
    )
    child.logfile_read = sys.stdout
    child.expect("Linux version", timeout=PATIENCE)
    child.expect_exact(linux_guest.line, timeout=PATIENCE)
    child.send("\x1d")
    child.expect(pexpect.EOF)
    assert daemon.virsh("domstate", "--reason", "linux").stdout.strip() == "running (booted)"
    daemon.virsh("destroy", "linux")
