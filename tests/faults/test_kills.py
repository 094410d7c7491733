"""Processes killed with SIGKILL, at once and at random moments: right states and events, and nothing left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import psutil
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.network.networks import network_xml
from tests.driver.waiting import wait_until
from tests.faults.census import Host
from tests.faults.conftest import Events
from tests.faults.table import LONG, fault
from tests.faults.test_churn import cycle

pytestmark = pytest.mark.kvm

ROUNDS = 150 if LONG else 4
_PART = "Processes killed (SIGKILL)"
_CRASHED = [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED]
_RUNNING = libvirt.VIR_DOMAIN_RUNNING
Listen = Callable[[SessionDaemon], Events]


def kill(process: psutil.Process) -> None:
    process.kill()
    with suppress(psutil.TimeoutExpired):
        process.wait(0.1)


def test_vmm(host: Host, running: SessionDaemon, listen: Listen) -> None:
    expected = "shut off (crashed), event stopped (failed), other guests go on, starts again, nothing left"
    with fault(_PART, "VMM of a running guest", expected) as row:
        connection = libvirt.open(running.uri)
        events = listen(running)
        domain = connection.defineXML(monitor_xml("victim"))
        cycle(connection, monitor_xml("first"))
        host.remember()
        other = connection.createXML(monitor_xml("other"))
        domain.create()
        os.kill(running.vmm_pid("victim"), signal.SIGKILL)
        seen = events.wait("victim", "stopped (failed)")
        wait_until(lambda: domain.state() == _CRASHED)
        assert other.state()[0] == _RUNNING
        domain.create()
        domain.destroy()
        other.destroy()
        row.see(f"shut off (crashed), event {seen}; {host.check()}")


def test_launcher(host: Host, running: SessionDaemon) -> None:
    expected = "running guests go on, the next start gets a new launcher"
    with fault(_PART, "launcher, idle", expected) as row:
        connection = libvirt.open(running.uri)
        cycle(connection, monitor_xml("first"))
        host.remember()
        domain = connection.createXML(monitor_xml("guest"))
        for _ in range(3):
            kill(host.child("kvmctl-launcher"))
            assert domain.state()[0] == _RUNNING
            cycle(connection, monitor_xml("next"))
        domain.destroy()
        row.see(f"three times: goes on, the next start succeeds; {host.check()}")


def test_launcher_during_starts(host: Host, running: SessionDaemon) -> None:
    expected = "each start succeeds or fails with an error, nothing left"
    with fault(_PART, f"launcher during {ROUNDS} starts, at random moments", expected) as row:
        connection = libvirt.open(running.uri)
        cycle(connection, monitor_xml("first"))
        host.remember()
        chance = random.Random(1)
        succeeded = 0
        for _ in range(ROUNDS):
            victim = host.child("kvmctl-launcher").pid
            timer = threading.Timer(chance.uniform(0, 0.05), os.kill, (victim, signal.SIGKILL))
            timer.start()
            try:
                cycle(connection, monitor_xml("guest"))
                succeeded += 1
            except libvirt.libvirtError as error:
                assert error.get_error_code() == libvirt.VIR_ERR_INTERNAL_ERROR
                assert "cannot start domain 'guest'" in str(error)
            timer.join()
            cycle(connection, monitor_xml("next"))
        row.see(f"{succeeded} succeeded, the others failed with an error; {host.check()}")


@pytest.mark.timeout(1800)
def test_vmm_during_starts(host: Host, running: SessionDaemon, listen: Listen) -> None:
    expected = "start fails, or the guest is shut off (crashed); nothing left"
    with fault(_PART, f"VMM during {ROUNDS} starts, at random moments", expected) as row:
        connection = libvirt.open(running.uri)
        events = listen(running)
        domain = connection.defineXML(monitor_xml("victim"))
        domain.create()
        domain.destroy()
        host.remember()
        chance = random.Random(2)
        failed = crashed = 0

        def strike(delay: float) -> None:
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                with suppress(OSError, ValueError):
                    pid = running.vmm_pid("victim")
                    time.sleep(delay)
                    os.kill(pid, signal.SIGKILL)
                    return

        for _ in range(ROUNDS):
            striker = threading.Thread(target=strike, args=(chance.uniform(0, 0.1),))
            striker.start()
            try:
                domain.create()
            except libvirt.libvirtError as error:
                failed += 1
                assert "cannot start domain 'victim'" in str(error), error
            striker.join()
            wait_until(lambda: not domain.isActive())
            assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
        crashed = ROUNDS - failed
        wait_until(lambda: events.of("victim").count("stopped (failed)") == crashed)
        row.see(f"{failed} starts failed, {crashed} crashed with their event; {host.check()}")


@pytest.mark.timeout(1800)
def test_daemon(host: Host, running: SessionDaemon) -> None:
    """What it does just then is killed with it; what the next one finds is whole."""
    expected = "guests go on, the next daemon takes them over or undoes the start, nothing left"
    rounds = ROUNDS // 2
    with fault(_PART, f"daemon during {rounds} starts and ends, at random moments", expected) as row:
        connection = libvirt.open(running.uri)
        connection.defineXML(monitor_xml("victim"))
        cycle(connection, monitor_xml("first"))
        connection.close()
        host.remember()
        chance = random.Random(3)
        survived = 0
        for _ in range(rounds):
            connection = libvirt.open(running.uri)
            domain = connection.lookupByName("victim")
            act = domain.destroy if domain.isActive() else domain.create

            def run(act: Callable[[], object] = act) -> None:
                with suppress(libvirt.libvirtError):
                    act()

            thread = threading.Thread(target=run)
            thread.start()
            time.sleep(chance.uniform(0, 0.15))
            running.stop(signal.SIGKILL)
            thread.join()
            with suppress(libvirt.libvirtError):
                connection.close()
            running.start()
            connection = libvirt.open(running.uri)
            domain = connection.lookupByName("victim")
            active = bool(domain.isActive())
            assert len(host.children("kvmctl-vmm")) == active
            survived += active
            connection.close()
        connection = libvirt.open(running.uri)
        domain = connection.lookupByName("victim")
        if domain.isActive():
            domain.destroy()
        cycle(connection, monitor_xml("next"))
        connection.close()
        row.see(f"{survived} times taken over, {rounds - survived} times ended; {host.check()}")


# helpers


@pytest.fixture
def image(tmp_path: Path) -> str:
    if not (shutil.which("qemu-storage-daemon") and shutil.which("qemu-img")):
        pytest.skip("qemu-storage-daemon (qemu-system-common) or qemu-img (qemu-utils) is not installed")
    path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "8M"], check=True)
    return (
        f"<disk type='file'><driver type='qcow2'/><source file='{path}'/><target dev='vda'/></disk>"
        "<serial type='pty'/>"
    )


@pytest.fixture
def shared(tmp_path: Path) -> str:
    directory = tmp_path / "shared"
    directory.mkdir()
    return (
        f"<filesystem type='mount'><driver type='virtiofs'/><source dir='{directory}'/>"
        "<target dir='tag'/></filesystem><serial type='pty'/>"
    )


_SHARED_MEMORY = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
_USER = "<interface type='user'><model type='virtio'/><backend type='passt'/></interface>"


def helper_dies(host: Host, daemon: SessionDaemon, devices: str, program: str) -> str:
    """The guest goes on without that device, and can be reset, ended and started again."""
    connection = libvirt.open(daemon.uri)
    xml = monitor_xml("served", devices=devices, extra=_SHARED_MEMORY)
    cycle(connection, xml)
    wait_until(lambda: not host.children(program))
    host.remember()
    domain = connection.createXML(xml)
    helpers = host.children(program)
    assert helpers
    for each in helpers:
        with suppress(psutil.NoSuchProcess):
            kill(each)
    domain.suspend()
    domain.resume()
    domain.reset()
    assert domain.state()[0] == _RUNNING
    domain.destroy()
    cycle(connection, xml)
    return f"runs on, is reset, ends, starts again; {host.check()}"


_HELPER = "guest goes on without the device, is told of it, starts again with it; nothing left"


def test_storage_daemon(host: Host, running: SessionDaemon, image: str) -> None:
    with fault(_PART, "qemu-storage-daemon of a qcow2 disk", _HELPER) as row:
        row.see(helper_dies(host, running, image, "qemu-storage"))
        assert "the back end has ended" in (running.logs / "served.log").read_text()


def test_virtiofsd(host: Host, running: SessionDaemon, shared: str) -> None:
    with fault(_PART, "virtiofsd of a shared directory", _HELPER) as row:
        row.see(helper_dies(host, running, shared, "virtiofsd"))
        assert "the back end has ended" in (running.logs / "served.log").read_text()


def test_passt(host: Host, running: SessionDaemon) -> None:
    if shutil.which("passt") is None:
        pytest.skip("passt is not installed")
    for command in (
        "ip link add out type veth peer name far",
        "ip link set far up",
        "ip addr add 203.0.113.2/24 dev out",
        "ip link set out up",
        "ip route add default via 203.0.113.1",
    ):
        host.inside(*command.split())
    with fault(_PART, "passt of a network card", _HELPER) as row:
        row.see(helper_dies(host, running, f"{_USER}<serial type='pty'/>", "passt"))


@pytest.fixture
def network(running: SessionDaemon) -> Iterator[Any]:
    for program in ("dnsmasq", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    connection = libvirt.open(running.uri)
    yield connection.networkDefineXML(network_xml("net"))
    connection.close()


def test_dnsmasq(host: Host, running: SessionDaemon, network: Any) -> None:
    expected = "network and guests go on, the next daemon starts another, all of it ends with the network"
    with fault(_PART, "dnsmasq of a network", expected) as row:
        network.create()
        network.destroy()
        connection = libvirt.open(running.uri)
        card = "<interface type='network'><source network='net'/></interface><serial type='pty'/>"
        cycle(connection, monitor_xml("first"))
        host.remember()
        network.create()
        domain = connection.createXML(monitor_xml("guest", devices=card))
        kill(host.child("dnsmasq"))
        assert network.isActive()
        assert domain.state()[0] == _RUNNING
        running.stop(signal.SIGKILL)
        running.start()
        assert len(host.children("dnsmasq")) == 1
        connection = libvirt.open(running.uri)
        connection.lookupByName("guest").destroy()
        connection.networkLookupByName("net").destroy()
        cycle(connection, monitor_xml("next"))
        row.see(f"goes on, served again by the next daemon; {host.check()}")
