"""What virsh shows of a guest agent, which answers at its channel's socket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.fake_agent import AgentError, FakeAgent
from tests.driver.guests import fake_xml

pytestmark = pytest.mark.kvm


def _fails(_arguments: Mapping[str, Any]) -> object:
    raise AgentError("no such user")


ANSWERS = {
    "guest-get-time": lambda _: 1_700_000_000_123_456_789,
    "guest-set-time": lambda _: {},
    "guest-get-host-name": lambda _: {"host-name": "inside"},
    "guest-get-timezone": lambda _: {"zone": "UTC", "offset": 0},
    "guest-get-osinfo": lambda _: {"id": "debian", "pretty-name": "Debian 12"},
    "guest-get-users": lambda _: [{"user": "root", "login-time": 12.5}],
    "guest-get-fsinfo": lambda _: [
        {
            "name": "vda1",
            "mountpoint": "/",
            "type": "ext4",
            "total-bytes": 1000,
            "used-bytes": 10,
            "disk": [{"serial": "abc", "pci-controller": {"domain": 9, "bus": 0, "slot": 0, "function": 0}}],
        }
    ],
    "guest-get-disks": lambda _: [{"name": "/dev/vda", "partition": False, "dependencies": ["/dev/x"]}],
    "guest-network-get-interfaces": lambda _: [
        {
            "name": "eth0",
            "hardware-address": "52:54:00:00:00:01",
            "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "192.0.2.7", "prefix": 24}],
        }
    ],
    "guest-fsfreeze-freeze": lambda _: 2,
    "guest-fsfreeze-thaw": lambda _: 2,
    "guest-fstrim": lambda _: {"paths": []},
    "guest-set-user-password": _fails,
    "guest-get-vcpus": lambda _: [
        {"logical-id": 0, "online": True, "can-offline": False},
        {"logical-id": 1, "online": False, "can-offline": True},
    ],
    "guest-set-vcpus": lambda arguments: len(arguments["vcpus"]),
    "guest-ssh-get-authorized-keys": lambda _: {"keys": ["ssh-ed25519 AAAA me"]},
}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[SessionDaemon, FakeAgent]]:
    """A guest on the stand-in VMM; the agent listens where the channel says that its client is."""
    with session_daemon() as session:
        session.start()
        path = session.directory / "agent"
        agent = FakeAgent(path, ANSWERS, leftover=b'{"return": 1}\n{"half')
        channel = (
            "<serial type='pty'/>"
            f"<channel type='unix'><source mode='connect' path='{path}'/>"
            "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        )
        session.virsh("create", session.write("guest.xml", fake_xml("guest", "agent", devices=channel)))
        session.virsh("create", session.write("mute.xml", fake_xml("mute")))
        yield session, agent
        agent.close()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("domtime guest", "Time: 1700000000"),
        ("domhostname guest --source agent", "inside"),
        ("domfsfreeze guest", ""),
        ("domfsthaw guest", ""),
        ("domfstrim guest", ""),
        ("domfsinfo guest", "/ vda1 ext4"),
        ("guestvcpus guest", "offlinable : 1"),
        ("vcpucount guest --guest", "1"),
        ("setvcpus guest 2 --guest", ""),
        ("guestvcpus guest --cpulist 1 --enable", ""),
        ("get-user-sshkeys guest root", "ssh-ed25519 AAAA me"),
        ("guestinfo guest --os", "os.pretty-name : Debian 12"),
        ("guestinfo guest --user", "user.0.login-time : 12500"),
        ("guestinfo guest --filesystem", "fs.0.disk.0.serial : abc"),
        ("guestinfo guest --interface", "if.0.addr.0.addr : 192.0.2.7"),
        ("guestinfo guest", "timezone.name : UTC"),
    ],
)
def test_answers(running: tuple[SessionDaemon, FakeAgent], command: str, expected: str) -> None:
    session, _ = running
    shown = " ".join(session.virsh(*command.split()).stdout.split())
    assert expected in shown


def test_arguments(running: tuple[SessionDaemon, FakeAgent]) -> None:
    session, agent = running
    session.virsh("domtime", "guest", "--time", "5")
    assert agent.asked[-1] == ("guest-set-time", {"time": 5_000_000_000})
    assert "unable to execute QEMU agent command 'guest-set-user-password': no such user" in session.error(
        "set-user-password", "guest", "root", "secret"
    )
    assert agent.asked[-1][1]["password"] == "c2VjcmV0"
    session.virsh("shutdown", "guest", "--mode", "agent")
    assert agent.asked[-1] == ("guest-shutdown", {"mode": "powerdown"})


def test_without_an_agent(running: tuple[SessionDaemon, FakeAgent]) -> None:
    session, _ = running
    assert "argument unsupported: QEMU guest agent is not configured" in session.error("domtime", "mute")
    assert session.error("domhostname", "guest", "--source", "lease")


def test_timeout(running: tuple[SessionDaemon, FakeAgent]) -> None:
    session, _ = running
    session.virsh("guest-agent-timeout", "guest", "--timeout", "1")
    error = session.error("domfsfreeze", "guest", "--mountpoint", "/mnt")
    assert "Guest agent is not responding: Guest agent not available for now" in error
    session.virsh("guest-agent-timeout", "guest", "--timeout", "-2")


def test_a_port_that_was_opened_while_no_daemon_was_told(running: tuple[SessionDaemon, FakeAgent]) -> None:
    session, _ = running
    session.stop()
    status = session.run / "guest.xml"
    assert "state='connected'" in status.read_text() or 'state="connected"' in status.read_text()
    status.write_text(re.sub(r"state=(['\"])connected", r"state=\1disconnected", status.read_text()))
    session.start()
    assert "state='connected'" in session.virsh("dumpxml", "guest").stdout
    assert session.virsh("domtime", "guest").stdout.strip() == "Time: 1700000000"
