"""Error codes by libvirt-python: the same calls on libvirt's test driver and on the daemon."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import libvirt
import pytest

from tests.conftest import session_daemon
from tests.driver.conformance.definitions import UUID, domain

libvirt.registerErrorHandler(lambda _context, _error: None, None)

Call = Callable[[Any, Any], object]
_AFFECT = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_METADATA = "http://example.org/none"

# Calls that have to fail with one code on both; `connection` and a `guest` that is shut off.
CALLS: list[tuple[str, Call]] = [
    ("lookupByName", lambda connection, _: connection.lookupByName("nosuch")),
    ("lookupByID", lambda connection, _: connection.lookupByID(4711)),
    ("lookupByUUIDString", lambda connection, _: connection.lookupByUUIDString(UUID.replace("1", "8"))),
    ("defineXML empty", lambda connection, _: connection.defineXML("<domain/>")),
    ("createXML other uuid", lambda connection, _: connection.createXML("<domain/>")),
    ("destroy", lambda _, guest: guest.destroy()),
    ("destroyFlags unknown", lambda _, guest: guest.destroyFlags(1 << 20)),
    ("createWithFlags unknown", lambda _, guest: guest.createWithFlags(1 << 20)),
    ("undefineFlags unknown", lambda _, guest: guest.undefineFlags(1 << 20)),
    ("reset", lambda _, guest: guest.reset()),
    ("XMLDesc unknown", lambda _, guest: guest.state(1 << 20)),
    ("rename same", lambda _, guest: guest.rename("guest")),
    ("rename flags", lambda _, guest: guest.rename("other", 1)),
    ("metadata title", lambda _, guest: guest.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None)),
    ("metadata element", lambda _, guest: guest.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, _METADATA)),
    (
        "metadata live",
        lambda _, guest: guest.metadata(
            libvirt.VIR_DOMAIN_METADATA_TITLE, None, libvirt.VIR_DOMAIN_AFFECT_LIVE
        ),
    ),
    (
        "setMetadata newline",
        lambda _, guest: guest.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "a\nb", None, None, _AFFECT),
    ),
    (
        "setMetadata bad element",
        lambda _, guest: guest.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, "<a", "k", "u", _AFFECT),
    ),
    ("vcpus", lambda _, guest: guest.vcpus()),
    ("setVcpusFlags many", lambda _, guest: guest.setVcpusFlags(99, _AFFECT)),
    ("setVcpusFlags none", lambda _, guest: guest.setVcpusFlags(0, _AFFECT)),
    ("setVcpusFlags live", lambda _, guest: guest.setVcpusFlags(1, libvirt.VIR_DOMAIN_AFFECT_LIVE)),
    ("pinVcpu", lambda _, guest: guest.pinVcpu(0, (True,))),
    ("setMemoryFlags much", lambda _, guest: guest.setMemoryFlags(1 << 30, _AFFECT)),
    ("setMemoryFlags live", lambda _, guest: guest.setMemoryFlags(8192, libvirt.VIR_DOMAIN_AFFECT_LIVE)),
    ("setMemoryFlags none", lambda _, guest: guest.setMemoryFlags(0, _AFFECT)),
    ("memoryStats", lambda _, guest: guest.memoryStats()),
    ("memoryParameters live", lambda _, guest: guest.memoryParameters(libvirt.VIR_DOMAIN_AFFECT_LIVE)),
    ("setNumaParameters", lambda _, guest: guest.setNumaParameters({"numa_nodeset": "x"}, _AFFECT)),
    ("blockStats", lambda _, guest: guest.blockStats("vda")),
    ("blockInfo", lambda _, guest: guest.blockInfo("vdz")),
    ("interfaceStats", lambda _, guest: guest.interfaceStats("vnet0")),
    ("diskErrors", lambda _, guest: guest.diskErrors()),
    ("fsFreeze", lambda _, guest: guest.fsFreeze()),
    ("fsThaw", lambda _, guest: guest.fsThaw()),
    ("getTime", lambda _, guest: guest.getTime()),
    ("fsInfo", lambda _, guest: guest.fsInfo()),
    ("hostname", lambda _, guest: guest.hostname()),
    ("openConsole", lambda connection, guest: guest.openConsole(None, connection.newStream(), 0)),
    ("controlInfo", lambda _, guest: guest.controlInfo()),
    ("getCPUStats", lambda _, guest: guest.getCPUStats(True)),
    ("getInfo ok", lambda _, guest: guest.info()),
    ("baselineCPU", lambda connection, _: connection.baselineCPU([])),
    ("getCPUModelNames", lambda connection, _: connection.getCPUModelNames("nosuch")),
    ("domainEventDeregisterAny", lambda connection, _: connection.domainEventDeregisterAny(99)),
    ("getAllDomainStats", lambda connection, _: connection.getAllDomainStats(0, 1 << 25)),
    ("getMaxVcpus", lambda connection, _: connection.getMaxVcpus("kvm")),
    ("listAllDomains", lambda connection, _: connection.listAllDomains(1 << 25)),
]

# Codes that differ, and why.
DIFFERENCES = {
    "defineXML empty": "the daemon validates first",
    "createXML other uuid": "the daemon validates first",
}
TEST_DRIVER_DIFFERENCES = {**DIFFERENCES, "openConsole": "the test driver has no consoles"}


@pytest.fixture(scope="module")
def ours() -> Iterator[Any]:
    with session_daemon() as session:
        session.start()
        with mock.patch.dict(os.environ, session.environment):
            yield libvirt.open(session.uri)


def _guest(connection: Any, kind: str, directory: Path) -> Any:
    try:
        return connection.lookupByName("guest")
    except libvirt.libvirtError:
        (directory / "vda.img").write_bytes(bytes(1 << 20))
        return connection.defineXML(domain(kind, directory))


def _code(call: Call, connection: Any, guest: Any) -> int | None:
    try:
        call(connection, guest)
    except libvirt.libvirtError as error:
        return int(error.get_error_code())
    return None


@pytest.mark.kvm
@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_beside_the_test_driver(ours: Any, tmp_path: Path, name: str, call: Call) -> None:
    theirs = libvirt.open("test:///default")
    expected = _code(call, theirs, _guest(theirs, "test", tmp_path))
    found = _code(call, ours, _guest(ours, "kvm", tmp_path))
    if name in TEST_DRIVER_DIFFERENCES:
        assert found != expected, "no longer differs"
    else:
        assert found == expected


@pytest.mark.kvm
def test_beside_qemu(ours: Any, qemu_uri: str, tmp_path: Path) -> None:
    qemu = libvirt.open(qemu_uri)
    different = {
        name
        for name, call in CALLS
        if _code(call, qemu, _guest(qemu, "qemu", tmp_path))
        != _code(call, ours, _guest(ours, "kvm", tmp_path))
    }
    assert different == set(DIFFERENCES)
    qemu.close()
