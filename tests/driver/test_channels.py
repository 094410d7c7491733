"""Channels, virtio consoles and vsock through the daemon: their sockets come and go with the guest."""

from __future__ import annotations

import socket
from pathlib import Path

import libvirt
import pytest
from lxml import etree

from tests.conftest import SessionDaemon
from tests.guests.flat.build import build

pytestmark = pytest.mark.kvm

AGENT = "org.qemu.guest_agent.0"


def domain(daemon: SessionDaemon, more: str = "") -> str:
    kernel = build("entropy", daemon.directory)
    return daemon.write(
        "guest.xml",
        "<domain type='kvm'><name>ports</name><memory unit='MiB'>32</memory>"
        f"<os><type>hvm</type><kernel>{kernel}</kernel></os><on_poweroff>preserve</on_poweroff><devices>"
        "<console type='pty'><target type='virtio'/></console>"
        f"<channel type='unix'><target type='virtio' name='{AGENT}'/></channel>"
        f"<channel type='pty'><target type='virtio' name='pty'/></channel>{more}"
        "<vsock model='virtio'><cid auto='yes'/></vsock><memballoon model='virtio'/></devices></domain>",
    )


def devices(text: str) -> etree._Element:
    found = etree.fromstring(text).find("devices")
    assert found is not None
    return found


def test_sockets_come_and_go_with_the_guest(daemon: SessionDaemon) -> None:
    daemon.virsh("define", domain(daemon))
    daemon.virsh("start", "ports")
    live = devices(daemon.virsh("dumpxml", "ports").stdout)
    agent, pty = live.findall("channel")
    path = Path(agent.find("source").get("path"))
    assert path == daemon.run / "channel/1-ports" / AGENT
    assert path.is_socket()
    assert agent.find("target").get("state") == "disconnected"
    assert Path(pty.find("source").get("path")).is_char_device()
    assert Path(live.find("console/source").get("path")).is_char_device()
    assert live.find("vsock/cid").get("address") == "3"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.run / "ports.vsock"))
    kept = devices(daemon.virsh("dumpxml", "--inactive", "ports").stdout)
    assert kept.find("channel/source") is None
    assert kept.find("channel/target").get("state") is None
    assert kept.find("vsock/cid").get("address") is None
    daemon.virsh("destroy", "ports")
    assert not path.parent.exists()
    assert not (daemon.run / "ports.vsock").exists()


def test_a_path_of_ones_own(daemon: SessionDaemon) -> None:
    path = daemon.directory / "mine"
    source = f"<source mode='bind' path='{path}'/>"
    more = f"<channel type='unix'>{source}<target type='virtio' name='mine'/></channel>"
    daemon.virsh("create", domain(daemon, more))
    assert path.is_socket()
    daemon.virsh("destroy", "ports")
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        error = daemon.error("create", domain(daemon, more))
    assert f"cannot listen on '{path}': Address already in use" in error
    assert path.is_socket()


def test_a_stream_to_a_channel(daemon: SessionDaemon) -> None:
    """One client at a time; what the socket's other end sends arrives, and its end is told."""
    daemon.virsh("create", domain(daemon))
    connection = libvirt.open(daemon.uri)
    guest = connection.lookupByName("ports")
    for name, message in (("nothing", "cannot find channel nothing"), ("pty", "not using a UNIX socket")):
        with pytest.raises(libvirt.libvirtError, match=message):
            guest.openChannel(name, connection.newStream())
    # The stand-in for the guest's end: whoever connects to this path is answered by us.
    path = daemon.run / "channel/1-ports" / AGENT
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        first = connection.newStream()
        guest.openChannel(AGENT, first)
        end, _ = listener.accept()
        first.send(b"to the guest")
        assert end.recv(100) == b"to the guest"
        end.send(b"to the client")
        assert first.recv(100) == b"to the client"
        with pytest.raises(libvirt.libvirtError, match="Active channel stream exists"):
            guest.openChannel(AGENT, connection.newStream())
        second = connection.newStream()
        guest.openChannel(None, second, libvirt.VIR_DOMAIN_CHANNEL_FORCE)
        assert end.recv(100) == b""
        end.close()
        end, _ = listener.accept()
        end.close()
        assert second.recv(100) == b""
        second.finish()
    connection.close()
    daemon.virsh("destroy", "ports")
