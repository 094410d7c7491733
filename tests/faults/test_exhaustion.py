"""The daemon without descriptors, without processes, and guests without memory."""

from __future__ import annotations

import itertools
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import domain_xml, monitor_xml
from tests.driver.waiting import wait_until
from tests.faults.census import Host
from tests.faults.conftest import Events
from tests.faults.table import LONG, fault
from tests.faults.test_churn import cycle
from tests.guests.flat.build import build

pytestmark = pytest.mark.kvm

_PART = "Nothing left to use"
_PIDS = Path("/sys/fs/cgroup/pids")
_CRASHED = [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED]
Listen = Callable[[SessionDaemon], Events]


def limit_files(daemon: SessionDaemon, spare: int) -> None:
    """So many more than the daemon has open now."""
    assert daemon.process is not None
    pid = daemon.process.pid
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    free = (number for number in itertools.count() if number not in used)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (next(itertools.islice(free, spare, None)), hard))


def unlimit_files(daemon: SessionDaemon) -> None:
    assert daemon.process is not None
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (hard, hard))


def connections(stack: ExitStack, daemon: SessionDaemon, count: int) -> list[socket.socket]:
    found = []
    for _ in range(count):
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.settimeout(10)
        client.connect(str(daemon.socket))
        found.append(client)
    return found


def test_descriptors_of_clients(host: Host, running: SessionDaemon) -> None:
    expected = "new clients are hung up on, those that are there are served; recovers"
    with fault(_PART, "daemon without a descriptor for a new client", expected) as row:
        connection = libvirt.open(running.uri)
        domain = connection.createXML(monitor_xml("guest"))
        cycle(connection, monitor_xml("first"))
        host.remember()
        limit_files(running, 0)
        with ExitStack() as stack:
            for client in connections(stack, running, 3):
                assert client.recv(1) == b""
            assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
            assert connection.listAllDomains()[0].name() == "guest"
        unlimit_files(running)
        other = libvirt.open(running.uri)
        assert other.lookupByName("guest").isActive()
        row.see(f"hung up on, the others are served, and new ones again afterwards; {host.check()}")


def test_descriptors_of_starts(host: Host, running: SessionDaemon) -> None:
    """However many a start finds: all that it needs, or an error."""
    expected = "start fails with an error, nothing left; starts again when there are descriptors"
    with fault(_PART, "daemon with descriptors for a part of a start only", expected) as row:
        connection = libvirt.open(running.uri)
        domain = connection.defineXML(monitor_xml("guest"))
        domain.create()
        domain.destroy()
        host.remember()
        failed = 0
        for spare in range(14):
            limit_files(running, spare)
            try:
                domain.create()
            except libvirt.libvirtError as error:
                failed += 1
                assert error.get_error_code() in (
                    libvirt.VIR_ERR_SYSTEM_ERROR,
                    libvirt.VIR_ERR_INTERNAL_ERROR,
                ), error
                assert "Too many open files" in str(error) or "launcher" in str(error), error
                assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
            else:
                domain.destroy()
            unlimit_files(running)
        assert failed
        domain.create()
        domain.destroy()
        row.see(f"{failed} starts failed with an error, the others ran; {host.check()}")


@pytest.fixture
def process_limit(host: Host) -> Iterator[Callable[[int | None], None]]:
    """So many processes and threads more than the daemon and its children have; None for no limit."""
    if not (_PIDS / "cgroup.procs").exists():
        pytest.skip("needs the pids controller of version 1")
    group = _PIDS / f"kvmctl-faults-{os.getpid()}"
    group.mkdir()

    def limit(spare: int | None) -> None:
        used = int((group / "pids.current").read_text())
        (group / "pids.max").write_text("max" if spare is None else str(used + spare))

    host.daemon.prefix = (
        *host.daemon.prefix,
        *("sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"),
    )
    yield limit
    host.close_daemon()
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def test_processes(host: Host, process_limit: Callable[[int | None], None]) -> None:
    expected = "start fails with an error or the guest runs, ends are noticed, nothing left; recovers"
    with fault(_PART, "daemon with processes and threads for a part of a start only", expected) as row:
        daemon = host.daemon
        daemon.start()
        connection = libvirt.open(daemon.uri)
        running = connection.createXML(monitor_xml("running"))
        domain = connection.defineXML(monitor_xml("guest"))
        cycle(connection, monitor_xml("first"))
        running.destroy()
        host.remember()
        failed = 0
        for spare in range(0, 6, 1 if LONG else 2):
            running = connection.createXML(monitor_xml("running"))
            process_limit(spare)
            try:
                domain.create()
            except libvirt.libvirtError as error:
                failed += 1
                assert "cannot start domain 'guest'" in str(error), error
                assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
            running.destroy()
            assert not connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
            if domain.isActive():
                domain.destroy()
            process_limit(None)
        assert failed
        domain.create()
        domain.destroy()
        row.see(f"{failed} starts failed with an error; {host.check()}")


def test_memory(host: Host, running: SessionDaemon, listen: Listen, tmp_path: Path) -> None:
    """The guest's own limit: the kernel kills its VMM."""
    if not Path("/sys/fs/cgroup/memory/cgroup.procs").exists():
        pytest.skip("needs the memory controller of version 1")
    expected = "shut off (crashed), event stopped (failed), others go on; runs to its end with a higher limit"
    with fault(_PART, "guest beyond <memtune><hard_limit> (OOM killer)", expected) as row:
        connection = libvirt.open(running.uri)
        events = listen(running)
        other = connection.createXML(monitor_xml("other"))
        cycle(connection, monitor_xml("first"))
        host.remember()
        kernel = str(build("eater", tmp_path))

        def eater(limit: int) -> str:
            limits = f"<memtune><hard_limit unit='MiB'>{limit}</hard_limit></memtune>"
            memory = "<memory unit='MiB'>64</memory>"
            return domain_xml("victim", kernel=kernel, memory=memory, extra=limits)

        domain = connection.defineXML(eater(32))
        domain.create()
        wait_until(lambda: not domain.isActive())
        assert domain.state() == _CRASHED
        seen = events.wait("victim", "stopped (failed)")
        assert other.state()[0] == libvirt.VIR_DOMAIN_RUNNING
        domain.undefine()
        domain = connection.defineXML(eater(256))
        domain.create()
        wait_until(lambda: not domain.isActive())
        assert domain.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN]
        row.see(f"shut off (crashed), event {seen}, the other guest goes on; {host.check()}")
