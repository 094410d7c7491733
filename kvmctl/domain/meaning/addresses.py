"""Addresses of devices: clashes, places that are not there, and more devices than the bus has room for."""

from collections.abc import Iterator
from dataclasses import replace

from kvmctl.domain.addresses import (
    CHIPSET_SLOTS,
    MACHINE_WITHOUT_PCI,
    SLOTS,
    OccupiedPorts,
    Plugged,
    Port,
    has_pci,
    has_port,
    is_assigned,
    plugged,
    with_controllers,
)
from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Address, Devices, Domain


def check(domain: Domain) -> Iterator[Finding]:
    yield from _check_ports(domain)
    if has_pci(domain):
        yield from _check_functions(domain)
    else:
        yield from _check_places_in_memory(domain)


def _path(one: Plugged) -> str:
    return numbered(f"/domain/devices/{one.element}", one.index) + "/address"


def _check_functions(domain: Domain) -> Iterator[Finding]:
    devices = with_controllers(domain)
    taken: dict[tuple[int, int], bool] = {}
    wanted = int(devices.memballoon is None)  # it gets one
    for one in plugged(devices):
        address = one.address
        if address is not None and address.type != "pci":
            message = f"{one.element} cannot have an address of type '{address.type}' on a machine with PCI"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{_path(one)}/@type")
            continue
        if address is None or not is_assigned(address):
            wanted += 1
            continue
        wrong = _wrong(address)
        if wrong is not None:
            yield Finding(ErrorKind.XML_ERROR, wrong, _path(one))
            continue
        place = address.slot or 0, address.function or 0
        if place in taken:
            yield Finding(ErrorKind.XML_ERROR, f"Attempted double use of PCI Address {address}", _path(one))
        taken[place] = bool(address.multifunction)
    yield from _hidden_functions(devices, taken)
    free = len({*range(CHIPSET_SLOTS, SLOTS)} - {slot for slot, _ in taken})
    if wanted > free:
        message = f"No more available PCI slots: {wanted} devices without an address, {free} free slots"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/devices")


def _wrong(address: Address) -> str | None:
    slot = address.slot or 0
    if address.domain:
        return f"Invalid PCI address {address}. Only PCI domain 0 is available"
    if address.bus:
        return f"Invalid PCI address {address}. Only PCI buses up to 0 are available"
    if slot == 0:
        return f"Invalid PCI address {address}. slot must be >= 1"
    if slot < CHIPSET_SLOTS:
        return f"Attempted double use of PCI Address {address}: slot {slot} is the ISA bridge's"
    return None


def _hidden_functions(devices: Devices, taken: dict[tuple[int, int], bool]) -> Iterator[Finding]:
    """Guests look for functions 1 to 7 only where function 0 says that there are several."""
    for one in plugged(devices):
        address = one.address
        if address is None or not address.function or _wrong(address):
            continue
        if not taken.get((address.slot or 0, 0)):
            message = f"PCI address {address} needs multifunction='on' at function 0 of its slot"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{_path(one)}/@function")


def _check_places_in_memory(domain: Domain) -> Iterator[Finding]:
    for one in plugged(domain.devices):
        if one.address is not None and one.address.type == "pci":
            yield Finding(ErrorKind.XML_ERROR, "No PCI buses available", _path(one))
    if domain.devices.watchdog is not None:
        message = f"the watchdog is a PCI device: machine='{MACHINE_WITHOUT_PCI}' has no PCI bus"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/devices/watchdog")
    for index, controller in enumerate(domain.devices.controllers):
        if controller.type == "pci":
            path = numbered("/domain/devices/controller", index)
            message = f"machine='{MACHINE_WITHOUT_PCI}' has no PCI bus"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)


def _check_ports(domain: Domain) -> Iterator[Finding]:
    devices = with_controllers(domain)
    occupied = OccupiedPorts(devices)
    consoles = [("console", index, one) for index, one in enumerate(devices.consoles)]
    channels = [("channel", index, one) for index, one in enumerate(devices.channels)]
    ports: list[tuple[str, int, Port]] = [
        *(entry for entry in consoles if entry[2].target_type == "virtio"),
        *channels,
    ]
    for complete in (True, False):
        for element, index, port in ports:
            address = port.address
            if address is None or has_port(port) is not complete:
                continue
            if not complete:
                number = occupied.next_of(address.controller, 1)
                address = replace(address, port=number)
            wrong = (
                f"Unable to find a free port on virtio-serial controller {address.controller}"
                if address.port is None
                else occupied.take(address)
            )
            if wrong is not None:
                path = numbered(f"/domain/devices/{element}", index)
                yield Finding(ErrorKind.XML_ERROR, wrong, f"{path}/address")
