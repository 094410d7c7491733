"""Errors of a disk image reach the guest, or pause it, as <driver error_policy='…'> says; no byte that was
acknowledged is lost."""

from __future__ import annotations

import errno
import itertools
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.guests import domain_xml
from tests.driver.waiting import wait_until
from tests.faults.conftest import Events
from tests.faults.fusedisk import FaultyDisk
from tests.faults.table import LONG, fault
from tests.guests.flat.build import build

pytestmark = pytest.mark.kvm

CHUNK, CHUNKS = 65536, 16
SIZE = CHUNK * CHUNKS
BROKEN = range(4, 8)
"""The chunks with errors."""
_numbers = itertools.count()
_PART = "Errors of a disk image"
_PAUSED = [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR]
Listen = Callable[[SessionDaemon], Events]


def chunk(number: int) -> bytes:
    """What tests/guests/flat/ledger.c writes."""
    return struct.pack(f"<{CHUNK // 8}Q", *(number << 32 | word + 1 for word in range(CHUNK // 8)))


@pytest.fixture(scope="module")
def shared() -> Iterator[SessionDaemon]:
    """One for all of these tests, each of which has a guest of its own."""
    with session_daemon() as daemon:
        daemon.start()
        yield daemon


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultyDisk]:
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("needs root and /dev/fuse")
    mount = tmp_path / "fuse"
    mount.mkdir()
    faulty = FaultyDisk(mount, SIZE)
    try:
        yield faulty
    finally:
        faulty.close()


class Ledger:
    """The guest that writes, flushes and reads, and what it said."""

    def __init__(self, daemon: SessionDaemon, listen: Listen, tmp_path: Path, image: Path) -> None:
        self._daemon = daemon
        self._output = tmp_path / "serial"
        self._kernel = str(build("ledger", tmp_path))
        self._image = image
        self.events = listen(daemon)
        self._connection = libvirt.open(daemon.uri)
        self.name = f"ledger-{next(_numbers)}"

    def start(self, driver: str = "") -> Any:
        devices = (
            f"<disk type='file'><driver name='qemu' type='raw' {driver}/><source file='{self._image}'/>"
            f"<target dev='vda'/></disk><serial type='file'><source path='{self._output}'/></serial>"
        )
        return self._connection.createXML(domain_xml(self.name, kernel=self._kernel, devices=devices))

    def finish(self) -> dict[str, list[int]]:
        """The status of every request, by its kind."""
        wait_until(lambda: re.search("DONE|FAIL", self._output.read_text()) is not None)
        text = self._output.read_text()
        assert "FAIL" not in text, text
        found: dict[str, list[int]] = {"write": [], "flush": [], "read": []}
        for kind, _, status in re.findall(r"(\w+) (\d+) (\d+)\n", text):
            found[kind].append(int(status))
        return found


@pytest.fixture
def ledger(shared: SessionDaemon, listen: Listen, tmp_path: Path, disk: FaultyDisk) -> Ledger:
    return Ledger(shared, listen, tmp_path, disk.path)


def broken(operation: str, number: int) -> Callable[[str, int], int]:
    return lambda which, offset: number if which == operation and offset // CHUNK in BROKEN else 0


def acknowledged(disk: FaultyDisk, statuses: list[int]) -> int:
    """How many chunks the guest was told to be written: each of them is."""
    for number, status in enumerate(statuses):
        if status == 0:
            assert disk.content[number * CHUNK :][:CHUNK] == chunk(number), number
    return statuses.count(0)


def errors_of(domain: Any) -> dict[str, int]:
    return dict(domain.diskErrors())


_EIO, _ENOSPC = libvirt.VIR_DOMAIN_DISK_ERROR_UNSPEC, libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE


_REPORTED = ["", "error_policy='report' cache='none'", "error_policy='report' io='threads'"]


@pytest.mark.parametrize("driver", _REPORTED if LONG else _REPORTED[:1])
def test_reported(disk: FaultyDisk, ledger: Ledger, driver: str) -> None:
    what = f"EIO from writes, {driver or 'no error_policy'}"
    with fault(_PART, what, "the guest sees I/O errors, goes on; event io-error (report)") as row:
        disk.failing = broken("write", errno.EIO)
        ledger.start(driver)
        seen = ledger.finish()
        assert [number for number, status in enumerate(seen["write"]) if status] == list(BROKEN)
        count = acknowledged(disk, seen["write"])
        event = ledger.events.wait(ledger.name, "io-error virtio-disk0 report other")
        row.see(f"{len(BROKEN)} I/O errors, {count} chunks written and whole; {event}")


_PAUSING = [
    ("error_policy='stop'", errno.EIO, "other"),
    ("", errno.ENOSPC, "enospc"),
    ("error_policy='stop'", errno.ENOSPC, "enospc"),
    ("error_policy='enospace'", errno.ENOSPC, "enospc"),
    ("error_policy='stop' cache='none' io='threads'", errno.EIO, "other"),
]


@pytest.mark.parametrize(("driver", "number", "reason"), _PAUSING if LONG else _PAUSING[:2])
def test_paused(disk: FaultyDisk, ledger: Ledger, driver: str, number: int, reason: str) -> None:
    name = errno.errorcode[number]
    what = f"{name} from writes, {driver or 'no error_policy'}"
    expected = (
        f"paused (io-error), event with reason {reason}, domblkerror; resume tries again; no byte is lost"
    )
    with fault(_PART, what, expected) as row:
        disk.failing = broken("write", number)
        domain = ledger.start(driver)
        event = ledger.events.wait(ledger.name, f"io-error virtio-disk0 pause {reason}")
        ledger.events.wait(ledger.name, "suspended (io-error)")
        wait_until(lambda: domain.state() == _PAUSED)
        error = _ENOSPC if number == errno.ENOSPC else _EIO
        assert errors_of(domain) == {"vda": error}
        domain.resume()
        wait_until(lambda: ledger.events.of(ledger.name).count("suspended (io-error)") == 2)
        wait_until(lambda: domain.state() == _PAUSED)
        disk.heal()
        domain.resume()
        seen = ledger.finish()
        assert not any(seen["write"] + seen["flush"] + seen["read"])
        assert acknowledged(disk, seen["write"]) == CHUNKS
        row.see(f"paused twice, {event}, domblkerror {error}; after it healed all {CHUNKS} chunks are whole")


def test_ignored(disk: FaultyDisk, ledger: Ledger) -> None:
    expected = "the guest is told that all is well, as it was asked for; event io-error (none)"
    with fault(_PART, "EIO from writes, error_policy='ignore'", expected) as row:
        disk.failing = broken("write", errno.EIO)
        ledger.start("error_policy='ignore' rerror_policy='ignore'")
        row.see(ledger.events.wait(ledger.name, "io-error virtio-disk0 none other"))


def test_reads(disk: FaultyDisk, ledger: Ledger) -> None:
    expected = "the guest sees I/O errors in those places only"
    with fault(_PART, "EIO from reads", expected) as row:
        disk.failing = broken("read", errno.EIO)
        ledger.start()
        seen = ledger.finish()
        assert [number for number, status in enumerate(seen["read"]) if status] == list(BROKEN)
        row.see(f"{len(BROKEN)} I/O errors, the other chunks are whole")


def test_failed_sync(disk: FaultyDisk, ledger: Ledger) -> None:
    """Linux forgets what it could not write back (fsync(2)): a second sync that succeeds proves nothing."""
    expected = "the guest's flush fails, and every later one: what was written before may be lost"
    with fault(_PART, "EIO from one fsync", expected) as row:
        pending = [errno.EIO]
        disk.failing = lambda operation, _: pending.pop() if operation == "sync" and pending else 0
        ledger.start()
        seen = ledger.finish()
        assert seen["flush"] == [1, 1]
        row.see("both flushes are I/O errors, though the second fsync would have succeeded")


def test_failed_sync_past_the_cache(disk: FaultyDisk, ledger: Ledger) -> None:
    expected = "the guest's flush fails; nothing is in the cache, so the next one counts"
    with fault(_PART, "EIO from one fsync, cache='none'", expected) as row:
        pending = [errno.EIO]
        disk.failing = lambda operation, _: pending.pop() if operation == "sync" and pending else 0
        ledger.start("cache='none'")
        seen = ledger.finish()
        assert seen["flush"] == [1, 0]
        assert acknowledged(disk, seen["write"]) == CHUNKS
        row.see("first flush an I/O error, second succeeds, all chunks are whole")
