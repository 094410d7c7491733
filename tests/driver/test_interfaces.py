"""Network interfaces through the daemon: TAP devices that it opens for guests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

needs_tap = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists() or shutil.which("ip") is None,
    reason="needs root, /dev/net/tun and ip (iproute2)",
)


@needs_tap
def test_a_tap_device_lives_as_long_as_its_guest(daemon: SessionDaemon) -> None:
    name = f"kvmd{os.getpid()}"
    devices = f"<interface type='ethernet'><target dev='{name}'/></interface><serial type='pty'/>"
    daemon.virsh("create", daemon.write("net.xml", fake_xml("net", devices=devices)))
    live = daemon.virsh("dumpxml", "net").stdout
    assert "<mac address='52:54:00:" in live
    assert "<alias name='net0'/>" in live
    assert Path("/sys/class/net", name).exists()
    daemon.virsh("destroy", "net")
    assert not Path("/sys/class/net", name).exists()


@needs_tap
def test_a_tap_device_on_a_bridge(daemon: SessionDaemon) -> None:
    bridge = f"kvmb{os.getpid()}"
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    try:
        devices = f"<interface type='bridge'><source bridge='{bridge}'/></interface>"
        daemon.virsh("create", daemon.write("net.xml", fake_xml("net", devices=devices)))
        assert len(list(Path("/sys/class/net", bridge, "brif").iterdir())) == 1
        daemon.virsh("destroy", "net")
    finally:
        subprocess.run(["ip", "link", "delete", bridge], check=True)


@needs_tap
def test_a_bridge_that_is_not_there(daemon: SessionDaemon) -> None:
    devices = "<interface type='bridge'><source bridge='kvm-no-bridge'/></interface>"
    message = daemon.error("create", daemon.write("net.xml", fake_xml("net", devices=devices)))
    assert "on bridge 'kvm-no-bridge'" in message
