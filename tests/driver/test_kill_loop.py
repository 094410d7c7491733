"""The daemon is killed at random points of define, start, destroy and rename: nothing is lost, nothing left.

KVMCTL_KILL_ROUNDS sets how many times (20).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

pytestmark = pytest.mark.kvm

ROUNDS = int(os.environ.get("KVMCTL_KILL_ROUNDS", "20"))
_LATEST_SECONDS = 0.25
libvirt.registerErrorHandler(lambda *_: None, None)


@dataclass(frozen=True)
class Known:
    """What is known of one domain."""

    name: str
    description: str
    id: int | None


def xml(uuid: str, known: Known) -> str:
    extra = f"<uuid>{uuid}</uuid><description>{known.description}</description>"
    return fake_xml(known.name, extra=extra)


def connect(session: SessionDaemon) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            return libvirt.open(session.uri)
        except libvirt.libvirtError:
            assert time.monotonic() < deadline, session.output.read_text()
            time.sleep(0.02)


def seen(connection: Any) -> dict[str, Known]:
    found = {}
    for domain in connection.listAllDomains():
        assert domain.isPersistent()
        text = domain.metadata(
            libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        )
        number = domain.ID()
        found[domain.UUIDString()] = Known(domain.name(), text, number if number >= 0 else None)
    return found


def vmm_pids(session: SessionDaemon) -> set[int]:
    """The VMMs that run with this session's directories, whoever knows of them."""
    mark = str(session.directory).encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"--domain-fd" in command and mark in command:
            found.add(int(process.name))
    return found


def operate(connection: Any, uuid: str, known: Known, operation: str, number: int) -> Known:
    """Begin one operation; returns what is true once it is done."""
    domain = connection.lookupByUUIDString(uuid)
    wanted = known
    act: Callable[[], object]
    if operation == "define":
        wanted = replace(known, description=f"round {number}")
        act = lambda: connection.defineXML(xml(uuid, wanted))  # noqa: E731
    elif operation == "rename":
        wanted = replace(known, name=f"name-{number}")
        act = lambda: domain.rename(wanted.name)  # noqa: E731
    elif operation == "start":
        act = domain.create
    else:
        act = domain.destroy

    def run() -> None:
        try:
            act()
        except libvirt.libvirtError:
            return  # the daemon has died

    threading.Thread(target=run, daemon=True).start()
    return wanted


def test_killed_at_random(session: SessionDaemon) -> None:
    chance = random.Random(20261124)
    session.start()
    connection = connect(session)
    domains = {str(UUID(int=number)): Known(f"guest-{number}", "first", None) for number in range(1, 4)}
    for uuid, known in domains.items():
        connection.defineXML(xml(uuid, known))
    for number in range(ROUNDS):
        uuid = chance.choice(list(domains))
        known = domains[uuid]
        active = known.id is not None
        operation = chance.choice(["define", "destroy"] if active else ["define", "rename", "start"])
        wanted = operate(connection, uuid, known, operation, number)
        time.sleep(chance.uniform(0, _LATEST_SECONDS))
        session.stop(signal.SIGKILL)
        session.start(wait=False)
        connection = connect(session)
        now = seen(connection)
        told = f"round {number}: {operation} of {known}: {now}"
        assert now.keys() == domains.keys(), told
        for other, before in domains.items():
            after = now[other]
            if other != uuid:
                assert after == before, told
                continue
            assert (after.name, after.description) in (
                (known.name, known.description),
                (wanted.name, wanted.description),
            ), told
            if operation == "define":
                assert after.id == known.id, told
            elif operation == "destroy":
                assert after.id in (known.id, None), told
        files = sorted(path.stem for path in session.definitions.glob("*.xml"))
        assert files == sorted(known.name for known in now.values()), told
        running = [known.name for known in now.values() if known.id is not None]
        assert vmm_pids(session) == {session.vmm_pid(name) for name in running}, told
        domains = now
