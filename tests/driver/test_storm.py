"""Many clients at once on the same few domains: only ordinary refusals, and nothing stays behind."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

SECONDS = 8
CLIENTS = 6

ORDINARY = {
    libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.VIR_ERR_OPERATION_INVALID,
    libvirt.VIR_ERR_OPERATION_ABORTED,
    libvirt.VIR_ERR_OPERATION_FAILED,
}

CALLS = (
    "create",
    "destroy",
    "undefine",
    "suspend",
    "resume",
    "reset",
    "info",
    "XMLDesc",
    "isActive",
    "autostart",
)


class Client(threading.Thread):
    def __init__(self, uri: str, seed: int) -> None:
        super().__init__()
        self._uri = uri
        self._random = random.Random(seed)
        self.odd: list[str] = []
        self.done = 0

    def run(self) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            connection = libvirt.open(self._uri)
            for _ in range(20):
                self._one(connection)
            connection.close()

    def _one(self, connection: libvirt.virConnect) -> None:
        name = self._random.choice("abc")
        choice = self._random.choice([*CALLS, "define", "createXML", "console", "list"])
        try:
            if choice == "define":
                connection.defineXML(fake_xml(name))
            elif choice == "createXML":
                connection.createXML(fake_xml(name))
            elif choice == "list":
                connection.listAllDomains()
            elif choice == "console":
                self._console(connection, name)
            else:
                getattr(connection.lookupByName(name), choice)()
            self.done += 1
        except libvirt.libvirtError as error:
            if error.get_error_code() not in ORDINARY:
                self.odd.append(f"{choice}: {error}")

    def _console(self, connection: libvirt.virConnect, name: str) -> None:
        stream = connection.newStream(0)
        connection.lookupByName(name).openConsole(None, stream, self._random.choice([0, 1]))
        stream.send(b"hello\r")
        if self._random.random() < 0.5:
            stream.abort()
        else:
            stream.finish()


@pytest.mark.kvm
def test_storm(daemon: SessionDaemon) -> None:
    libvirt.registerErrorHandler(lambda *_: None, None)
    assert daemon.process is not None
    descriptors = Path(f"/proc/{daemon.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    clients = [Client(daemon.uri, seed) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert [odd for client in clients for odd in client.odd] == []
    assert sum(client.done for client in clients) > 100
    for name in daemon.virsh("list", "--name").stdout.split():
        daemon.virsh("destroy", name)
    for name in daemon.virsh("list", "--all", "--name").stdout.split():
        daemon.virsh("undefine", name)
    assert "Traceback" not in daemon.output.read_text()
    assert {path.name for path in daemon.run.iterdir()} <= {"autostarted", "next-id", "networks", "storage"}
    assert {path.name for path in daemon.definitions.iterdir()} <= {"autostart", "networks", "storage"}
    time.sleep(2.5)  # the last console sessions of ended guests are given two seconds
    assert len(list(descriptors.iterdir())) <= before
