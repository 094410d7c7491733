"""Events as libvirt-python programs get them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

pytestmark = pytest.mark.kvm

Seen = list[tuple[str, int, int]]


@pytest.fixture(scope="module", autouse=True)
def event_loop() -> None:
    libvirt.virEventRegisterDefaultImpl()
    libvirt.registerErrorHandler(lambda *_: None, None)

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, daemon=True).start()


@pytest.fixture
def connection(daemon: SessionDaemon) -> Iterator[libvirt.virConnect]:
    opened = libvirt.open(daemon.uri)
    yield opened
    opened.close()


def wait_for(seen: Seen, expected: Seen) -> None:
    deadline = time.monotonic() + 10
    while seen != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seen == expected


def test_lifecycle(connection: libvirt.virConnect) -> None:
    seen: Seen = []
    mine: Seen = []

    def note(_conn: object, domain: libvirt.virDomain, event: int, detail: int, into: Seen) -> None:
        into.append((domain.name(), event, detail))

    domain = connection.defineXML(fake_xml("guest"))
    everything = connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, note, seen)
    one = connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, note, mine)
    other = connection.createXML(fake_xml("other"))
    other.destroy()
    domain.create()
    domain.suspend()
    domain.resume()
    domain.destroy()
    domain.undefine()
    guest: Seen = [
        ("guest", libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED),
        ("guest", libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED),
        ("guest", libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
        ("guest", libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED),
        ("guest", libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED),
        ("guest", libvirt.VIR_DOMAIN_EVENT_UNDEFINED, libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED),
    ]
    wait_for(mine, guest)
    assert [entry for entry in seen if entry[0] == "guest"] == guest
    assert [entry[1] for entry in seen if entry[0] == "other"] == [
        libvirt.VIR_DOMAIN_EVENT_STARTED,
        libvirt.VIR_DOMAIN_EVENT_RESUMED,
        libvirt.VIR_DOMAIN_EVENT_STOPPED,
    ]
    connection.domainEventDeregisterAny(one)
    connection.domainEventDeregisterAny(everything)


def test_reboot_and_guest_shutdown(connection: libvirt.virConnect) -> None:
    reboots: list[str] = []
    seen: Seen = []
    connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda _c, domain, _o: reboots.append(domain.name()), None
    )
    connection.domainEventRegisterAny(
        None,
        libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        lambda _c, domain, event, detail, _o: seen.append((domain.name(), event, detail)),
        None,
    )
    domain = connection.createXML(fake_xml("guest"))
    stream = connection.newStream(0)
    domain.openConsole(None, stream, 0)
    stream.send(b"reboot\rpoweroff\r")
    wait_for(
        seen,
        [
            ("guest", libvirt.VIR_DOMAIN_EVENT_STARTED, 0),
            ("guest", libvirt.VIR_DOMAIN_EVENT_RESUMED, 0),
            ("guest", libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST),
            ("guest", libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN),
        ],
    )
    assert reboots == ["guest"]


def test_autodestroy(daemon: SessionDaemon, connection: libvirt.virConnect) -> None:
    other = libvirt.open(daemon.uri)
    other.createXML(fake_xml("guest"), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    assert [domain.name() for domain in connection.listAllDomains()] == ["guest"]
    other.close()
    deadline = time.monotonic() + 10
    while connection.listAllDomains():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_virsh_event(daemon: SessionDaemon) -> None:
    watcher = subprocess.Popen(
        ["virsh", "-c", daemon.uri, "event", "--all", "--loop", "--timeout", "5"],
        env=daemon.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(1)
    daemon.virsh("create", daemon.write("guest.xml", fake_xml("guest")))
    daemon.virsh("destroy", "guest")
    output = watcher.communicate(timeout=20)[0]
    assert "event 'lifecycle' for domain 'guest': Started Booted" in output
    assert "event 'lifecycle' for domain 'guest': Stopped Destroyed" in output
