"""The daemon killed at any point of a network's start and end: afterwards all of it is there, or nothing."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.conftest import SessionDaemon
from tests.driver.network.conftest import Namespace
from tests.driver.network.networks import network_xml

DELAYS = (0.0, 0.03, 0.08, 0.2)
"""Seconds between the command and the kill; where that is in the command depends on the host."""


@pytest.mark.usefixtures("needs_programs")
def test_all_or_nothing(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    xml = network_xml("whole", bridge="<bridge name='virbr9'/>")
    daemon.virsh("net-define", daemon.write("whole.xml", xml))
    for delay in DELAYS:
        for command in ("net-start", "net-destroy"):
            call = subprocess.Popen(
                ["virsh", "-q", "-c", daemon.uri, command, "whole"],
                env=daemon.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay)
            daemon.stop(signal.SIGKILL)
            call.wait(20)
            daemon.start()
            active = daemon.virsh("net-list", "--name").stdout.split() == ["whole"]
            assert ("virbr9" in namespace.run("ip", "link")) is active
            assert len(namespace.processes("dnsmasq")) == int(active)
            assert ("table" in namespace.run("nft", "list", "ruleset")) is active
        if active:
            daemon.virsh("net-destroy", "whole")
    daemon.virsh("net-start", "whole")
    assert len(namespace.processes("dnsmasq")) == 1
