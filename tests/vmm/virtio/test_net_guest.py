"""A bare guest talks to the host's kernel over a TAP device, on real KVM."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vmm.virtio.conftest import FlatGuest

pytestmark = pytest.mark.kvm


@pytest.fixture
def tap_name() -> Iterator[str]:
    """A TAP device with the address 198.51.100.1."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or shutil.which("ip") is None:
        pytest.skip("needs root, /dev/net/tun and ip (iproute2)")
    name = f"kvmt{os.getpid()}"
    commands = (
        f"ip tuntap add dev {name} mode tap vnet_hdr",
        f"ip addr add 198.51.100.1/30 dev {name}",
    )
    for command in commands:
        subprocess.run(command.split(), check=True)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=False)


def test_arp(run_flat: FlatGuest, tap_name: str) -> None:
    interface = (
        f"<interface type='ethernet'><mac address='52:54:00:00:01:ff'/><target dev='{tap_name}'/></interface>"
    )
    assert run_flat("arp", interface) == "82.84.0.0.1.255\nreply in buffers 1\nPASS\n"
