"""Many starts and ends, one after the other and at once: what a guest had is gone with it."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.network.networks import network_xml
from tests.faults.census import Host
from tests.faults.table import LONG, fault

pytestmark = pytest.mark.kvm

CYCLES = 1000 if LONG else 30
PARALLEL = 100 if LONG else 16
_PART = "Churn"
_CHANNEL = "<channel type='unix'><target type='virtio' name='org.kvmctl.test'/></channel>"
_LIMITS = "<memtune><hard_limit unit='MiB'>512</hard_limit></memtune>"


def guest(name: str, directory: Path) -> str:
    """With one of everything that can be left behind."""
    image = directory / f"{name}.img"
    image.write_bytes(bytes(1 << 20))
    devices = (
        f"<disk type='file'><source file='{image}'/><target dev='vda'/></disk>"
        f"<interface type='ethernet'><model type='virtio'/></interface><serial type='pty'/>{_CHANNEL}"
    )
    return monitor_xml(name, devices=devices, extra=_LIMITS)


def cycle(connection: Any, xml: str) -> None:
    domain = connection.createXML(xml)
    assert domain.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED]
    domain.destroy()


@pytest.mark.timeout(3600)
def test_cycles(host: Host, running: SessionDaemon, tmp_path: Path) -> None:
    with fault(_PART, f"{CYCLES} starts and ends, one after the other", "all succeed, nothing left") as row:
        connection = libvirt.open(running.uri)
        xml = guest("churn", tmp_path)
        cycle(connection, xml)
        host.remember()
        for _ in range(CYCLES):
            cycle(connection, xml)
        row.see(f"{CYCLES} succeeded; {host.check()}")


@pytest.mark.timeout(1800)
def test_parallel(host: Host, running: SessionDaemon, tmp_path: Path) -> None:
    with fault(_PART, f"{PARALLEL} starts at once, then {PARALLEL} ends at once", "the same") as row:
        connection = libvirt.open(running.uri)
        cycle(connection, guest("first", tmp_path))
        host.remember()
        started: dict[int, Any] = {}
        problems: list[str] = []

        def each(act: Any) -> None:
            def run(number: int) -> None:
                try:
                    act(number)
                except libvirt.libvirtError as error:
                    problems.append(f"{number}: {error}")

            threads = [threading.Thread(target=run, args=(number,)) for number in range(PARALLEL)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        def start(number: int) -> None:
            started[number] = connection.createXML(guest(f"many-{number}", tmp_path))

        each(start)
        assert not problems, problems
        assert len({domain.ID() for domain in started.values()}) == PARALLEL
        assert len(connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)) == PARALLEL
        each(lambda number: started[number].destroy())
        assert not problems, problems
        row.see(f"{PARALLEL} ran; {host.check(60)}")


def test_networks(host: Host, running: SessionDaemon) -> None:
    for program in ("dnsmasq", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    cycles = CYCLES // 10
    with fault(_PART, f"{cycles} networks started and ended, each with a guest on it", "the same") as row:
        connection = libvirt.open(running.uri)
        card = "<interface type='network'><source network='net'/></interface><serial type='pty'/>"

        def network_cycle() -> None:
            network = connection.networkCreateXML(network_xml("net"))
            cycle(connection, monitor_xml("guest", devices=card))
            network.destroy()

        network_cycle()
        host.remember()
        for _ in range(cycles):
            network_cycle()
        row.see(f"{cycles} succeeded; {host.check()}")
