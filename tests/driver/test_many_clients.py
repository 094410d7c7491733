"""Fifty clients with mixed calls, each on a domain of its own and all on one: in the end what is true is what
each of them did last.

KVMCTL_STORM_CALLS sets how many calls each client makes (30).
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

pytestmark = pytest.mark.kvm

CLIENTS = 50
CALLS = int(os.environ.get("KVMCTL_STORM_CALLS", "30"))
SHARED = "common"
_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_TITLE = libvirt.VIR_DOMAIN_METADATA_TITLE


class Client(threading.Thread):
    """Keeps what it knows of its own domain, which nobody else touches."""

    def __init__(self, uri: str, number: int) -> None:
        super().__init__()
        self._uri = uri
        self._number = number
        self._random = random.Random(number)
        self.name = f"own-{number}"
        self.title: str | None = None
        self.kib = 16384
        self.problems: list[str] = []

    def run(self) -> None:
        try:
            connection = libvirt.open(self._uri)
            domain = connection.defineXML(fake_xml(self.name))
            for count in range(CALLS):
                self._random.choice(_WORK)(self, connection, domain, count)
            connection.close()
        except Exception as error:
            self.problems.append(f"{self.name}: {error!r}")

    def set_title(self, _connection: Any, domain: Any, count: int) -> None:
        self.title = f"title {count}"
        domain.setMetadata(_TITLE, self.title, None, None, _CONFIG)

    def set_memory(self, _connection: Any, domain: Any, count: int) -> None:
        self.kib = 4096 + count * 4
        domain.setMemoryFlags(self.kib, _CONFIG)

    def look(self, connection: Any, domain: Any, _count: int) -> None:
        found = connection.lookupByUUID(domain.UUID())
        assert found.name() == self.name
        assert (found.info()[1], found.info()[3]) == (16384, 1)
        if self.title is not None:
            assert domain.metadata(_TITLE, None, _CONFIG) == self.title

    def list_all(self, connection: Any, _domain: Any, _count: int) -> None:
        assert self.name in {each.name() for each in connection.listAllDomains()}

    def rename(self, _connection: Any, domain: Any, count: int) -> None:
        self.name = f"own-{self._number}-{count}"
        domain.rename(self.name)

    def stats(self, connection: Any, _domain: Any, _count: int) -> None:
        connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)

    def common(self, connection: Any, _domain: Any, count: int) -> None:
        """On what all share, an ordinary refusal is an answer, too."""
        domain = connection.lookupByName(SHARED)
        call: Callable[[], object] = self._random.choice(
            [
                domain.suspend,
                domain.resume,
                domain.info,
                domain.XMLDesc,
                lambda: domain.setMetadata(_TITLE, f"{self._number} {count}", None, None, 0),
                domain.memoryStats,
                domain.vcpus,
            ]
        )
        try:
            call()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise


_WORK = (
    Client.set_title,
    Client.set_memory,
    Client.look,
    Client.list_all,
    Client.rename,
    Client.stats,
    Client.common,
    Client.common,
)


def test_consistent_in_the_end(daemon: SessionDaemon) -> None:
    libvirt.registerErrorHandler(lambda *_: None, None)
    daemon.virsh("create", daemon.write("common.xml", fake_xml(SHARED)))
    number = daemon.virsh("domid", SHARED).stdout
    clients = [Client(daemon.uri, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert [problem for client in clients for problem in client.problems] == []
    connection = libvirt.open(daemon.uri)
    _check(connection, clients)
    assert sorted(path.stem for path in daemon.definitions.glob("*.xml")) == sorted(c.name for c in clients)
    connection.close()
    # The next daemon knows the same, from the disk.
    daemon.stop()
    daemon.start()
    _check(libvirt.open(daemon.uri), clients)
    assert daemon.virsh("domid", SHARED).stdout == number
    assert "Traceback" not in daemon.output.read_text()


def _check(connection: Any, clients: list[Client]) -> None:
    assert {each.name() for each in connection.listAllDomains()} == {SHARED, *(c.name for c in clients)}
    for client in clients:
        domain = connection.lookupByName(client.name)
        assert domain.info()[2] == client.kib
        if client.title is not None:
            assert domain.metadata(_TITLE, None, _CONFIG) == client.title
