"""Guests on a network, on real KVM: DHCP from the network's dnsmasq, and an answer to the host's ping."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import domain_xml
from tests.driver.network.conftest import Namespace
from tests.driver.network.networks import network_xml
from tests.guests.flat.build import build
from tests.guests.linux.fixture import LinuxGuest

pytestmark = pytest.mark.kvm

MAC = "52:54:00:00:02:01"
PATIENCE = 240
"""Seconds; half a minute where the guest is emulated and the host is idle."""


@pytest.mark.slow
@pytest.mark.timeout(1500)  # the kernel is built here when it is in no cache
@pytest.mark.usefixtures("needs_programs")
def test_linux_gets_its_address_and_answers(
    namespace: Namespace, isolated: SessionDaemon, linux_guest: LinuxGuest
) -> None:
    isolated.virsh("net-define", isolated.write("net.xml", network_xml("inside")))
    isolated.virsh("net-start", "inside")
    interface = (
        f"<interface type='network'><mac address='{MAC}'/><source network='inside'/>"
        "<model type='virtio'/><driver name='qemu' queues='2'/></interface><serial type='pty'/>"
    )
    xml = domain_xml(
        "linux",
        kernel=str(linux_guest.kernel),
        initrd=str(linux_guest.initrd),
        cmdline=f"{linux_guest.cmdline} ip=dhcp",
        memory="<memory unit='MiB'>128</memory>",
        devices=interface,
    )
    isolated.virsh("create", isolated.write("linux.xml", xml))
    target = isolated.virsh("domiflist", "linux").stdout.split()[0]
    assert f"master {_bridge(isolated)}" in namespace.run("ip", "link", "show", target)
    assert "connections='1'" in isolated.virsh("net-dumpxml", "inside").stdout

    lease = _lease(isolated)
    address = lease.split("/")[0]
    assert address.startswith("192.0.2.") and lease.endswith("/24")
    line = isolated.virsh("domifaddr", "linux", "--source", "lease").stdout.split()
    assert line == [target, MAC, "ipv4", lease]
    assert namespace.ping(address, PATIENCE)
    line = isolated.virsh("domifaddr", "linux", "--source", "arp").stdout.split()
    assert line[:3] == [target, MAC, "ipv4"] and line[3].startswith(address)
    isolated.virsh("domif-setlink", "linux", target, "down")
    assert isolated.virsh("domif-getlink", "linux", target).stdout.split()[-1] == "down"
    assert not namespace.ping(address, 3)
    isolated.virsh("domif-setlink", "linux", target, "up")
    assert namespace.ping(address, PATIENCE)
    isolated.virsh("destroy", "linux")
    assert "connections" not in isolated.virsh("net-dumpxml", "inside").stdout


def _bridge(daemon: SessionDaemon) -> str:
    lines = daemon.virsh("net-info", "inside").stdout.splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Bridge"))


def _lease(daemon: SessionDaemon) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (words := daemon.virsh("net-dhcp-leases", "inside", "--mac", MAC).stdout.split()):
        assert time.monotonic() < deadline, daemon.virsh("domstate", "--reason", "linux").stdout
        time.sleep(0.5)
    return next(word for word in words if "/" in word)


def test_a_bare_guest_asks_for_the_bridge(
    namespace: Namespace, isolated: SessionDaemon, tmp_path: Path
) -> None:
    """On a bridge of somebody else, by a network with forward mode='bridge' and by type='bridge'."""
    for command in (
        "ip link add br0 type bridge",
        "ip addr add 198.51.100.1/24 dev br0",
        "ip link set br0 up",
    ):
        namespace.run(*command.split())
    xml = "<network><name>outside</name><forward mode='bridge'/><bridge name='br0'/></network>"
    isolated.virsh("net-create", isolated.write("net.xml", xml))
    kernel = build("arp", tmp_path)
    for number, source in enumerate(
        ("type='network'><source network='outside'/>", "type='bridge'><source bridge='br0'/>")
    ):
        output = tmp_path / f"serial{number}"
        xml = domain_xml(
            f"arp{number}",
            kernel=str(kernel),
            memory="<memory unit='MiB'>32</memory>",
            devices=f"<interface {source}<mac address='52:54:00:00:01:ff'/></interface>"
            f"<serial type='file'><source path='{output}'/></serial>",
        )
        isolated.virsh("create", isolated.write("arp.xml", xml))
        _ended(isolated, f"arp{number}")
        assert output.read_text() == "82.84.0.0.1.255\nreply in buffers 1\nPASS\n"
    isolated.virsh("net-destroy", "outside")
    assert "br0" in namespace.run("ip", "link", "show", "br0"), "somebody else's bridge stays"


def test_a_bare_guest_on_passt(namespace: Namespace, isolated: SessionDaemon, tmp_path: Path) -> None:
    """passt answers for any address but the guest's own; it ends with its guest."""
    namespace.add_way_out()
    output = tmp_path / "serial"
    xml = domain_xml(
        "user",
        kernel=str(build("arp", tmp_path)),
        memory="<memory unit='MiB'>32</memory>",
        devices="<interface type='user'><mac address='52:54:00:00:01:ff'/><backend type='passt'/></interface>"
        f"<serial type='file'><source path='{output}'/></serial>",
    )
    isolated.virsh("define", isolated.write("user.xml", xml))
    isolated.virsh("start", "--paused", "user")
    assert namespace.processes("passt")
    isolated.virsh("resume", "user")
    _ended(isolated, "user")
    assert output.read_text() == "82.84.0.0.1.255\nreply in buffers 1\nPASS\n"
    deadline = time.monotonic() + 20
    while namespace.processes("passt"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _ended(daemon: SessionDaemon, name: str) -> None:
    deadline = time.monotonic() + 60
    while name in daemon.virsh("list", "--name").stdout.split():
        assert time.monotonic() < deadline
        time.sleep(0.05)
