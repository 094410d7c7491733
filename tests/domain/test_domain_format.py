"""Objects to XML: libvirt's order and layout, live and inactive; and what the defaults fill in."""

from dataclasses import replace

import pytest

import kvmctl.domain
from kvmctl.domain import Chardev, Controller, Devices, Domain, Memballoon, Os
from kvmctl.domain.addresses import CHIPSET_SLOTS
from kvmctl.domain.model import Address
from tests.domain.documents import FULL, SMALL, small


def test_the_layout_is_libvirts() -> None:
    domain = kvmctl.domain.parse(FULL)
    expected = FULL.replace("<memory unit='MiB'>256<", "<memory unit='KiB'>262144<").replace(
        "lines & more", "lines &amp; more"
    )
    assert kvmctl.domain.format(domain, live=True) == expected


def test_inactive_xml_has_nothing_of_the_run() -> None:
    text = kvmctl.domain.format(kvmctl.domain.parse(FULL))
    for absent in ("id='7'", "alias", "tty=", "/dev/pts"):
        assert absent not in text
    assert "<source path='/tmp/out' append='on'/>" in text
    domain = kvmctl.domain.parse(FULL)
    assert kvmctl.domain.parse(text) == kvmctl.domain.inactive(domain)


def test_a_pty_has_its_terminal_by_either_field() -> None:
    terminal = "/dev/pts/9"
    chardev = Chardev(path=terminal, tty=terminal, target_port=0, alias="serial0")
    domain = Domain(name="g", memory=1024, devices=Devices(serials=(chardev,), consoles=(chardev,)))
    text = kvmctl.domain.format(domain, live=True)
    assert "<console type='pty' tty='/dev/pts/9'>" in text
    assert "<serial type='pty'>\n      <source path='/dev/pts/9'/>" in text
    assert kvmctl.domain.parse(text) == domain


def test_awkward_characters_survive() -> None:
    domain = Domain(
        name="<&'\"> ä\u2028\U0001f600",
        memory=1024,
        description=" \t\n\r\r\n ]]> ",
        os=Os(kernel="/a\tb'\"<&>", cmdline="x='\"' \r\n\ty"),
        devices=Devices(serials=(Chardev(source_type="file", path="/a\t<'\"&> b"),)),
    )
    assert kvmctl.domain.parse(kvmctl.domain.format(domain)) == domain


def test_defaults() -> None:
    domain = kvmctl.domain.with_defaults(kvmctl.domain.parse(SMALL))
    assert domain.uuid is not None and domain.uuid.version == 4
    assert domain.current_memory == domain.memory
    assert domain.os.machine == "pc"
    assert (domain.on_poweroff, domain.on_reboot, domain.on_crash) == ("destroy", "restart", "destroy")
    assert domain.devices == Devices(
        controllers=(Controller(type="pci", index=0, model="pci-root"),),
        memballoon=Memballoon(
            model="virtio", address=Address(domain=0, bus=0, slot=CHIPSET_SLOTS, function=0)
        ),
    )
    assert kvmctl.domain.with_defaults(domain) == domain


@pytest.mark.parametrize(("current", "result"), [("0", 1 << 20), ("2048", 1 << 20), ("512", 512 << 10)])
def test_current_memory_is_at_most_all_of_it(current: str, result: int) -> None:
    domain = kvmctl.domain.parse(small(f"<currentMemory>{current}</currentMemory>"))
    assert kvmctl.domain.with_defaults(domain).current_memory == result


def _devices(xml: str) -> Devices:
    return kvmctl.domain.with_defaults(kvmctl.domain.parse(small(devices=xml))).devices


def test_a_lone_console_makes_the_serial_port() -> None:
    devices = _devices("<console type='file'><source path='/o'/><log file='/l'/></console>")
    assert [one.path for one in devices.serials] == ["/o"]
    assert devices.serials[0].log is not None
    port = devices.serials[0]
    assert (port.target_type, port.target_model, port.target_port) == ("isa-serial", "isa-serial", 0)
    assert devices.consoles == (replace(port, target_type="serial", target_model=None),)


def test_a_lone_serial_port_gets_its_console() -> None:
    devices = _devices("<serial type='pty'/>")
    assert devices.consoles == (replace(devices.serials[0], target_type="serial", target_model=None),)


def test_the_console_follows_the_first_serial_port() -> None:
    devices = _devices(
        "<serial type='file'><source path='/a'/></serial><serial type='pty'/><console type='pty'/>"
    )
    assert [one.target_port for one in devices.serials] == [0, 1]
    assert [one.path for one in devices.consoles] == ["/a"]


def test_ports_without_a_number_come_after_the_highest() -> None:
    devices = _devices("<serial type='pty'/><serial type='pty'><target port='2'/></serial>")
    assert [one.target_port for one in devices.serials] == [3, 2]


def test_ports_without_a_number_stay_within_the_machine() -> None:
    devices = _devices("<serial type='pty'><target port='3'/></serial>" + "<serial type='pty'/>" * 2)
    assert [one.target_port for one in devices.serials] == [3, 0, 1]
