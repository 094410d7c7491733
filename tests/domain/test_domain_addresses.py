"""Addresses of devices: given at definition, kept from then on, and refused where they clash."""

from dataclasses import replace

import pytest
from hypothesis import given

import kvmctl.domain
from kvmctl.domain import Domain, DomainError, ErrorKind
from kvmctl.domain.addresses import CHIPSET_SLOTS, SLOTS, plugged
from kvmctl.domain.model import Address, Channel, Devices, PortAddress, Rng
from tests.domain.documents import small
from tests.domain.strategies import domains

RNG = "<rng model='virtio'><backend model='builtin'/>{}</rng>"
CHANNEL = "<channel type='null'><target type='virtio'/>{}</channel>"
CONSOLE = "<console type='null'><target type='virtio'/>{}</console>"


def pci(slot: int, function: int = 0, more: str = "") -> str:
    return f"<address type='pci' domain='0x0000' bus='0x00' slot='{slot:#x}' function='{function}'{more}/>"


def port(number: int, controller: int = 0) -> str:
    return f"<address type='virtio-serial' controller='{controller}' bus='0' port='{number}'/>"


def defined(devices: str, machine: str = "pc") -> Devices:
    if "<memballoon" not in devices:
        devices += "<memballoon model='none'/>"
    text = small(devices=devices).replace("<type>", f"<type machine='{machine}'>")
    return kvmctl.domain.with_defaults(kvmctl.domain.parse(text)).devices


def slots(devices: Devices) -> list[tuple[str, int | None]]:
    return [(one.element, one.device.address.slot) for one in plugged(devices)]


def test_the_order_is_libvirts() -> None:
    devices = defined(
        "<disk type='file'><source file='/d'/><target dev='vda'/></disk>"
        "<filesystem><driver type='virtiofs'/><source dir='/s'/><target dir='t'/></filesystem>"
        "<interface type='ethernet'/><watchdog model='i6300esb'/><memballoon model='virtio'/><vsock/>"
        + CHANNEL.format("")
        + RNG.format("")
    )
    assert slots(devices) == [
        ("filesystem", 2),
        ("interface", 3),
        ("controller", 4),
        ("disk", 5),
        ("memballoon", 6),
        ("rng", 7),
        ("watchdog", 8),
        ("vsock", 9),
    ]
    assert [(one.type, one.index, one.model) for one in devices.controllers] == [
        ("pci", 0, "pci-root"),
        ("virtio-serial", 0, None),
    ]
    assert devices.controllers[0].address is None
    assert str(devices.disks[0].address) == "0000:00:05.0"


def test_what_has_no_device_has_no_address() -> None:
    devices = defined("<memballoon model='none'/><controller type='usb' model='none'/><panic/>")
    assert slots(devices) == []
    assert devices.memballoon is not None and devices.memballoon.address is None


def test_addresses_stay_when_devices_come_and_go() -> None:
    first = defined(RNG.format("") * 3)
    assert [address for _, address in slots(first)] == [2, 3, 4]
    edited = replace(first, rngs=(first.rngs[0], first.rngs[2], Rng(backend="builtin")))
    domain = kvmctl.domain.with_defaults(Domain(name="g", memory=1024, devices=edited))
    assert [address for _, address in slots(domain.devices)] == [2, 4, 3]


def test_a_full_bus_takes_no_more() -> None:
    rngs = tuple(Rng(backend="builtin") for _ in range(31))
    with pytest.raises(DomainError, match="No more available PCI slots"):
        kvmctl.domain.with_addresses(Domain(name="g", memory=1024, devices=Devices(rngs=rngs)))


def test_free_slots_are_around_those_that_are_taken() -> None:
    devices = defined(RNG.format("") + RNG.format(pci(2)) + RNG.format("") + RNG.format(pci(4)))
    assert [address for _, address in slots(devices)] == [3, 2, 5, 4]


def test_an_address_without_a_place_is_given_one() -> None:
    devices = defined(RNG.format("<address type='pci' multifunction='on'/>") + RNG.format(pci(0)))
    assert devices.rngs[0].address == Address(domain=0, bus=0, slot=2, function=0, multifunction=True)
    assert devices.rngs[1].address == Address(domain=0, bus=0, slot=3, function=0)


def test_several_functions_of_a_slot() -> None:
    devices = defined(RNG.format(pci(7, 0, " multifunction='on'")) + RNG.format(pci(7, 3)) + RNG.format(""))
    assert [str(one.address) for one in devices.rngs] == ["0000:00:07.0", "0000:00:07.3", "0000:00:02.0"]


def test_a_microvm_has_places_in_memory() -> None:
    devices = defined(RNG.format("") + CHANNEL.format(""), machine="microvm")
    assert [one.device.address for one in plugged(devices)] == [Address(type="virtio-mmio")] * 2
    assert [one.type for one in devices.controllers] == ["virtio-serial"]


def test_ports() -> None:
    devices = defined(CHANNEL.format(port(2)) + CHANNEL.format("") * 2 + CONSOLE.format("") * 2)
    places = [one.address and one.address.port for one in (*devices.channels, *devices.consoles)]
    assert places == [2, 3, 4, 0, 1]
    domain = Domain(name="g", memory=1024, devices=devices)
    assert kvmctl.domain.with_defaults(domain).devices == devices
    assert kvmctl.domain.parse(kvmctl.domain.format(domain)).devices == devices


def test_a_full_controller_brings_another() -> None:
    one = "<controller type='virtio-serial' index='0' ports='2'/>"
    devices = defined(one + CHANNEL.format("") * 2)
    assert [one.address for one in devices.channels] == [
        PortAddress(controller=0, bus=0, port=1),
        PortAddress(controller=1, bus=0, port=1),
    ]
    assert [one.index for one in devices.controllers if one.type == "virtio-serial"] == [0, 1]
    assert [element for element, _ in slots(devices)] == ["controller", "controller"]


def test_controllers_that_ports_name_are_there() -> None:
    devices = defined(CHANNEL.format("<address type='virtio-serial' controller='2'/>"))
    assert [one.index for one in devices.controllers if one.type == "virtio-serial"] == [2]
    assert devices.channels[0].address == PortAddress(controller=2, bus=0, port=1)


@given(domains())
def test_every_address_is_there_once(domain: Domain) -> None:
    filled = kvmctl.domain.with_defaults(domain)
    addresses = [one.device.address for one in plugged(filled.devices)]
    assert None not in addresses
    if filled.os.machine != "microvm":
        places = [(one.slot, one.function) for one in addresses]
        assert len(set(places)) == len(places)
        assert all(CHIPSET_SLOTS <= slot < SLOTS for slot, _ in places)
    consoles = [one.address for one in filled.devices.consoles if one.target_type == "virtio"]
    ports = [*consoles, *(one.address for one in filled.devices.channels)]
    assert None not in ports and len(set(ports)) == len(ports)
    controllers = {one.index for one in filled.devices.controllers if one.type == "virtio-serial"}
    assert {one.controller for one in ports if one} <= controllers


@pytest.mark.parametrize(
    ("devices", "kind", "message"),
    [
        (
            RNG.format(pci(5)) * 2,
            ErrorKind.XML_ERROR,
            "Attempted double use of PCI Address 0000:00:05.0 (/domain/devices/rng[2]/address",
        ),
        (RNG.format(pci(1)), ErrorKind.XML_ERROR, "the ISA bridge's"),
        (RNG.format(pci(0, 1)), ErrorKind.XML_ERROR, "slot must be >= 1"),
        (
            RNG.format("<address type='pci' bus='0x01' slot='0x02'/>"),
            ErrorKind.XML_ERROR,
            "Invalid PCI address 0000:01:02.0. Only PCI buses up to 0 are available",
        ),
        (
            RNG.format("<address type='pci' domain='1' slot='0x02'/>"),
            ErrorKind.XML_ERROR,
            "Only PCI domain 0 is available",
        ),
        (RNG.format(pci(5, 1)), ErrorKind.CONFIG_UNSUPPORTED, "needs multifunction='on' at function 0"),
        (RNG.format(pci(5)) + RNG.format(pci(5, 1)), ErrorKind.CONFIG_UNSUPPORTED, "multifunction='on'"),
        (RNG.format("<address type='virtio-mmio'/>"), ErrorKind.CONFIG_UNSUPPORTED, "'virtio-mmio'"),
        (RNG.format("") * 31, ErrorKind.CONFIG_UNSUPPORTED, "No more available PCI slots"),
        (
            RNG.format("") * 29 + CHANNEL.format(""),
            ErrorKind.CONFIG_UNSUPPORTED,
            "31 devices without an address, 30 free slots",
        ),
        (RNG.format("") * 30, ErrorKind.CONFIG_UNSUPPORTED, "31 devices"),
        (CHANNEL.format(port(4)) * 2, ErrorKind.XML_ERROR, "port 4 on controller 0 is already occupied"),
        (CHANNEL.format(port(31)), ErrorKind.XML_ERROR, "controller 0 does not have port 31"),
        (
            "<controller type='virtio-serial' index='0' ports='1'/>"
            + CHANNEL.format("<address type='virtio-serial' controller='0'/>"),
            ErrorKind.XML_ERROR,
            "Unable to find a free port on virtio-serial controller 0",
        ),
        (
            CHANNEL.format("<address type='virtio-serial' controller='0' bus='1' port='1'/>"),
            ErrorKind.XML_ERROR,
            "does not have bus 1",
        ),
    ],
)
def test_wrong_addresses(devices: str, kind: ErrorKind, message: str) -> None:
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.parse(small(devices=devices))
    assert message in str(caught.value)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (RNG.format(pci(3)), "No PCI buses available"),
        ("<watchdog model='i6300esb'/>", "has no PCI bus"),
        ("<controller type='pci' model='pci-root'/>", "has no PCI bus"),
    ],
)
def test_a_microvm_has_no_pci(devices: str, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        defined(devices, machine="microvm")


def test_more_ports_than_slots_for_controllers() -> None:
    """Hotplug and hand-made domains ask for addresses too."""
    channels = tuple(Channel(source_type="null") for _ in range(70))
    domain = Domain(name="g", memory=1024, devices=Devices(channels=channels))
    filled = kvmctl.domain.with_defaults(domain)
    assert len([one for one in filled.devices.controllers if one.type == "virtio-serial"]) == 3
    assert kvmctl.domain.validate(filled) == []
