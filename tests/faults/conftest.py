"""A daemon that is to suffer, and the table that is written at the end of the run."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.waiting import wait_until
from tests.faults import table
from tests.faults.census import Host


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = os.environ.get("KVMCTL_FAULTS_TABLE")
    if path and table.rows:
        table.write(Path(path))


@pytest.fixture(autouse=True)
def quiet_libvirt() -> None:
    libvirt.registerErrorHandler(lambda *_: None, None)


@pytest.fixture
def host() -> Iterator[Host]:
    """Not started yet."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or shutil.which("ip") is None:
        pytest.skip("needs root, /dev/net/tun and ip (iproute2)")
    with session_daemon() as daemon:
        host = Host(daemon)
        host.open()
        try:
            yield host
        finally:
            host.close()


@pytest.fixture
def running(host: Host) -> SessionDaemon:
    host.daemon.start()
    return host.daemon


class Events:
    """What a client is told of the guests, until the daemon ends."""

    def __init__(self, connection: Any) -> None:
        self._seen: list[tuple[str, str]] = []
        self.lifecycle_id = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None
        )
        self.io_error_id = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, self._on_io_error, None
        )

    def _on_lifecycle(self, _connection: Any, domain: Any, event: int, detail: int, _opaque: Any) -> None:
        self._seen.append((domain.name(), _LIFECYCLE.get((event, detail), f"{event}/{detail}")))

    def _on_io_error(
        self, _c: Any, domain: Any, _path: str, alias: str, action: int, reason: str, _o: Any
    ) -> None:
        text = f"io-error {alias} {_ACTIONS[action]} {reason or 'other'}"
        self._seen.append((domain.name(), text))

    def of(self, name: str) -> list[str]:
        return [text for guest, text in self._seen if guest == name]

    def wait(self, name: str, text: str) -> str:
        """Until there is an event of a guest."""
        wait_until(lambda: text in self.of(name))
        return text


_LIFECYCLE = {
    (libvirt.VIR_DOMAIN_EVENT_STARTED, 0): "started",
    (libvirt.VIR_DOMAIN_EVENT_RESUMED, 0): "resumed",
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 0): "suspended",
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 2): "suspended (io-error)",
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED): "stopped (destroyed)",
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED): "stopped (crashed)",
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED): "stopped (failed)",
}
_ACTIONS = ("none", "pause", "report")


@pytest.fixture(scope="session")
def event_loop() -> None:
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, daemon=True).start()


@pytest.fixture
def listen(event_loop: None) -> Callable[[SessionDaemon], Events]:
    return lambda daemon: Events(libvirt.open(daemon.uri))
