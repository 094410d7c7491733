"""Each of the daemon's directories on a file system without room, and with room again."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml, monitor_xml
from tests.driver.waiting import wait_until
from tests.faults.census import Host
from tests.faults.table import fault

pytestmark = pytest.mark.kvm

_PAGE = 4096
_PART = "No room (ENOSPC)"
_MOUNT = 'mount -t tmpfs -o size=256k,nr_inodes=100 tmpfs "$1" && shift && exec "$@"'


def _make(path: Path) -> bool:
    try:
        path.touch()
    except OSError:
        return False
    return True


class Small:
    """A small file system over one directory, which only the daemon and its guests see."""

    def __init__(self, daemon: SessionDaemon, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        daemon.prefix = (*daemon.prefix, "unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(directory))
        daemon.start()
        assert daemon.process is not None
        self.place = Path(f"/proc/{daemon.process.pid}/root{directory}")

    def fill(self, spare: int = 0) -> None:
        """Up to the last byte and the last file, or so many files of a page each before."""
        filler = self.place / "filler"
        filler.mkdir()
        with (filler / "bytes").open("wb", buffering=0) as file:
            with suppress(OSError):
                while True:
                    file.write(bytes(_PAGE))
            file.truncate(file.tell() - spare * _PAGE)
        names = [filler / str(number) for number in range(1000)]
        made = list(itertools.takewhile(_make, names))
        for path in made[len(made) - spare :]:
            path.unlink()

    def free(self) -> None:
        for path in (self.place / "filler").iterdir():
            path.unlink()
        (self.place / "filler").rmdir()


def refused(path: Path | str, call: Any, *arguments: object) -> None:
    """For want of room, with the file's name."""
    with pytest.raises(libvirt.libvirtError) as caught:
        call(*arguments)
    assert caught.value.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR, caught.value
    assert "No space left on device" in str(caught.value)
    assert str(path) in str(caught.value)


_METADATA = (libvirt.VIR_DOMAIN_METADATA_TITLE, "new", None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
_REFUSED = "VIR_ERR_SYSTEM_ERROR that names the file, nothing is changed; works when there is room again"


def test_definitions(host: Host) -> None:
    daemon = host.daemon
    with fault(_PART, "definitions: define, redefine, title, autostart, rename, undefine", _REFUSED) as row:
        small = Small(daemon, daemon.definitions)
        connection = libvirt.open(daemon.uri)
        domain = connection.defineXML(fake_xml("guest"))
        gone = connection.defineXML(fake_xml("gone"))
        old = domain.XMLDesc()
        file = small.place / "guest.xml"
        before = file.read_bytes()
        small.fill()
        refused(daemon.definitions / "new.xml", connection.defineXML, fake_xml("new"))
        changed = fake_xml("guest", extra=f"<uuid>{domain.UUIDString()}</uuid><title>new</title>")
        refused(daemon.definitions / "guest.xml", connection.defineXML, changed)
        refused(daemon.definitions / "guest.xml", domain.setMetadata, *_METADATA)
        refused(daemon.definitions, domain.setAutostart, 1)
        refused(daemon.definitions, domain.rename, "other")
        gone.undefine()
        assert file.read_bytes() == before
        assert domain.XMLDesc() == old
        assert not domain.autostart()
        assert {each.name() for each in connection.listAllDomains()} == {"guest"}
        small.free()
        connection.defineXML(fake_xml("new"))
        domain.setMetadata(*_METADATA)
        domain.setAutostart(1)
        domain.rename("other")
        assert domain.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None) == "new"
        row.see("refused with the file's name, old files intact, undefine works; all of it works afterwards")


def test_run_directory(host: Host) -> None:
    daemon = host.daemon
    expected = "start: VIR_ERR_SYSTEM_ERROR that names the file, nothing left; running guests go on"
    with fault(_PART, "run directory: start, suspend, resume, destroy", expected) as row:
        small = Small(daemon, daemon.run)
        connection = libvirt.open(daemon.uri)
        first = connection.defineXML(monitor_xml("first"))
        guest = connection.defineXML(monitor_xml("guest"))
        guest.create()
        guest.destroy()
        host.remember()
        first.create()
        small.fill()
        refused(daemon.run, guest.create)
        refused(daemon.run, connection.createXML, monitor_xml("transient"))
        assert guest.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FAILED]
        assert len(host.children("kvmctl-vmm")) == 1
        first.suspend()
        first.resume()
        assert first.state()[0] == libvirt.VIR_DOMAIN_RUNNING
        first.destroy()
        small.free()
        guest.create()
        guest.destroy()
        row.see(f"refused with the file's name, the running guest is controlled; {host.check()}")


def test_room_for_a_part_of_a_start(host: Host) -> None:
    """However far it gets: what a next daemon would end must not be running."""
    daemon = host.daemon
    expected = "refused with the file's name, nothing left; or the next daemon finds all of it"
    with fault(_PART, "run directory, with room for the first files of a start only", expected) as row:
        small = Small(daemon, daemon.run)
        connection = libvirt.open(daemon.uri)
        guest = connection.defineXML(monitor_xml("guest"))
        guest.create()
        guest.destroy()
        host.remember()
        started = []
        for files in range(6):
            small.fill(spare=files)
            try:
                guest.create()
            except libvirt.libvirtError as error:
                assert error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR, error
                assert str(daemon.run) in str(error)
                assert not host.children("kvmctl-vmm")
            else:
                started.append(files)
                assert "pid=" in (small.place / "guest.xml").read_text()
                guest.destroy()
            small.free()
            host.check()
        assert started
        assert 0 not in started
        row.see(f"refused with room for 0 to {started[0] - 1} files, started with more; {host.check()}")


def test_log_directory(host: Host) -> None:
    daemon = host.daemon
    expected = "starts fail only where the log cannot be opened, with its name; running guests go on"
    with fault(_PART, "log directory: start, end", expected) as row:
        small = Small(daemon, daemon.logs)
        connection = libvirt.open(daemon.uri)
        old = connection.defineXML(monitor_xml("old"))
        old.create()
        small.fill()
        old.destroy()
        old.create()
        refused(daemon.logs / "new.log", connection.createXML, monitor_xml("new"))
        assert old.state()[0] == libvirt.VIR_DOMAIN_RUNNING
        old.destroy()
        small.free()
        connection.createXML(monitor_xml("new")).destroy()
        row.see("a guest with a log starts and ends, one without is refused with its name; works afterwards")


def test_console_log(running: SessionDaemon) -> None:
    expected = "guest goes on, its console too, one line in its log"
    with fault(_PART, "log file of a serial port", expected) as row:
        devices = "<serial type='pty'><log file='/dev/full' append='on'/></serial>"
        connection = libvirt.open(running.uri)
        domain = connection.createXML(monitor_xml("guest", devices=devices))
        log = running.logs / "guest.log"
        wait_until(lambda: "bytes for the log file are lost" in log.read_text())
        assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
        stream = connection.newStream()
        domain.openConsole(None, stream)
        said = b""
        while b"kvmctl" not in said:
            said += stream.recv(1024)
        stream.abort()
        assert log.read_text().count("are lost") == 1
        domain.destroy()
        row.see("goes on, console answers, one line in its log")
