"""Every kind of bad input, as the real virsh shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.guests import domain_xml, fake_xml
from tests.vmm.boot import images


@pytest.fixture(scope="module")
def daemon() -> Iterator[SessionDaemon]:
    with session_daemon() as session:
        session.start()
        yield session


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<domain type='kvm'>\n  <name>x</nam>\n</domain>", "XML error: line 2, column "),
        (fake_xml("x").replace(">16<", ">0<"), "XML error: Memory size must be specified via <memory>"),
        (
            fake_xml("x").replace("<devices>", "<devices>\n<hostdev mode='subsystem'/>"),
            "unsupported configuration: element 'hostdev' is not supported (/domain/devices/hostdev, line ",
        ),
        (
            fake_xml("x").replace("<devices>", "<bogus/><devices>"),
            "unknown element 'bogus' (/domain/bogus, line ",
        ),
    ],
)
def test_definition(daemon: SessionDaemon, text: str, expected: str) -> None:
    lines = daemon.error("define", daemon.write("bad.xml", text)).splitlines()
    assert lines[0].startswith("error: Failed to define domain from ")
    assert lines[1].startswith(f"error: {expected}")
    assert daemon.virsh("list", "--all", "--name").stdout.strip() == ""


def test_name_with_another_uuid(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    uuid = daemon.virsh("domuuid", "guest").stdout.strip()
    error = daemon.error("define", daemon.write("guest.xml", fake_xml("guest")))
    assert error.endswith(f"operation failed: domain 'guest' is already defined with uuid {uuid}")
    assert daemon.virsh("domuuid", "guest").stdout.strip() == uuid
    assert daemon.error("console", "guest") == "error: The domain is not running"
    daemon.virsh("undefine", "guest")


@pytest.mark.kvm
def test_start(daemon: SessionDaemon) -> None:
    elf = daemon.directory / "kernel"
    elf.write_bytes(images.elf())
    large = daemon.directory / "initrd"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    text = daemon.write("text", "hello\n" * 1000)
    small = "<memory unit='MiB'>32</memory>"
    beyond = "<memory unit='TiB'>900</memory>"
    cases = (
        (domain_xml("x", kernel=text), "internal error: cannot start domain 'x': not a Linux kernel: "),
        (
            domain_xml("x", kernel=str(elf), initrd=str(large), memory=small),
            "internal error: cannot start domain",
        ),
        (domain_xml("x", kernel=str(elf), memory=beyond), "unsupported configuration: memory of "),
    )
    for xml, expected in cases:
        error = daemon.error("create", daemon.write("x.xml", xml)).splitlines()
        assert error[1].startswith(f"error: {expected}"), error
        assert len(error) == 2
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    daemon.virsh("start", "guest")
    assert daemon.error("start", "guest") == "error: Domain is already active"
    daemon.virsh("destroy", "guest")
    daemon.virsh("undefine", "guest")
