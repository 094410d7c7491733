"""Where devices are: PCI functions and ports of virtio-serial controllers (formatdomain, "Device Addresses").

An address is assigned when the domain is defined and kept from then on: guests name their network cards and
disks after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.model import (
    Address,
    Channel,
    Chardev,
    Controller,
    Devices,
    Domain,
    PortAddress,
)

SLOTS: Final = 32
CHIPSET_SLOTS: Final = 2
"""Slot 0 is the host bridge's, and slot 1 is kept for the ISA bridge, as on every PC with this chipset."""

DEFAULT_PORTS: Final = 31
"""Of a virtio-serial controller; port 0 is for a console."""

MACHINE_WITHOUT_PCI: Final = "microvm"

# In the order in which libvirt gives addresses: with the element's name.
_PLUGGED: Final = (
    ("filesystems", "filesystem"),
    ("interfaces", "interface"),
    ("controllers", "controller"),
    ("disks", "disk"),
    ("memballoon", "memballoon"),
    ("rngs", "rng"),
    ("watchdog", "watchdog"),
    ("vsock", "vsock"),
)


def has_pci(domain: Domain) -> bool:
    """A microvm's virtio devices are at places in memory instead."""
    return domain.os.machine != MACHINE_WITHOUT_PCI


def with_addresses(domain: Domain) -> Domain:
    """Every device of the domain, which has no findings, at an address of its own; what is there stays.

    DomainError when the bus is full.
    """
    devices = with_controllers(domain)
    devices = _with_ports(devices)
    if not has_pci(domain):
        return replace(domain, devices=_at_places_in_memory(devices))
    return replace(domain, devices=_on_the_bus(devices))


# virtio devices, and others of PCI


@dataclass(frozen=True, slots=True)
class Plugged:
    field: str
    index: int
    element: str
    device: Any

    @property
    def address(self) -> Address | None:
        address: Address | None = self.device.address
        return address


def plugged(devices: Devices) -> Iterator[Plugged]:
    for field, element in _PLUGGED:
        value = getattr(devices, field)
        listed = value if isinstance(value, tuple) else () if value is None else (value,)
        for index, device in enumerate(listed):
            if _is_plugged(field, device):
                yield Plugged(field, index, element, device)


def _is_plugged(field: str, device: Any) -> bool:
    if field == "controllers":
        return bool(device.type == "virtio-serial")
    return not (field == "memballoon" and device.model == "none")


def _replaced(devices: Devices, addresses: Sequence[tuple[Plugged, Address]]) -> Devices:
    changes: dict[str, Any] = {field: getattr(devices, field) for field, _ in _PLUGGED}
    for one, address in addresses:
        device = replace(one.device, address=address)
        if isinstance(changes[one.field], tuple):
            listed = list(changes[one.field])
            listed[one.index] = device
            changes[one.field] = tuple(listed)
        else:
            changes[one.field] = device
    return replace(devices, **changes)


def is_assigned(address: Address | None) -> bool:
    """All zero is what libvirt takes for none."""
    return address is not None and any((address.domain, address.bus, address.slot, address.function))


def _free_slots(devices: Devices) -> Iterator[int]:
    taken = {one.address.slot for one in plugged(devices) if one.address and is_assigned(one.address)}
    return (slot for slot in range(CHIPSET_SLOTS, SLOTS) if slot not in taken)


def _on_the_bus(devices: Devices) -> Devices:
    free = _free_slots(devices)
    assigned = []
    for one in plugged(devices):
        address = one.address or Address()
        slot = address.slot if is_assigned(address) else next(free, None)
        if slot is None:
            raise DomainError(ErrorKind.CONFIG_UNSUPPORTED, "No more available PCI slots")
        function = address.function or 0
        assigned.append((one, replace(address, domain=0, bus=0, slot=slot, function=function)))
    return _replaced(devices, assigned)


def _at_places_in_memory(devices: Devices) -> Devices:
    return _replaced(devices, [(one, Address(type="virtio-mmio")) for one in plugged(devices)])


# controllers that other devices need


def with_controllers(domain: Domain) -> Devices:
    """The PCI bus, and every virtio-serial controller that a port is on."""
    devices = domain.devices
    there = {(one.type, one.index or 0) for one in devices.controllers}
    needed: list[Controller] = []
    if has_pci(domain) and ("pci", 0) not in there:
        needed.append(Controller(type="pci", index=0, model="pci-root"))
    needed += [
        Controller(type="virtio-serial", index=index)
        for index in sorted({_controller_of(port) for port in ports(devices)})
        if ("virtio-serial", index) not in there
    ]
    return replace(devices, controllers=(*devices.controllers, *needed))


# ports

Port = Chardev | Channel


def ports(devices: Devices) -> list[Port]:
    """Consoles come first: one of them may have port 0."""
    return [*(one for one in devices.consoles if one.target_type == "virtio"), *devices.channels]


def _controller_of(port: Port) -> int:
    return 0 if port.address is None else port.address.controller


def has_port(port: Port) -> bool:
    """A channel at port 0 is at none: that one is a console's."""
    if port.address is None:
        return False
    return port.address.port is not None if isinstance(port, Chardev) else bool(port.address.port)


class OccupiedPorts:
    """The ports that are taken, by the controller."""

    def __init__(self, devices: Devices) -> None:
        self._taken = {
            one.index or 0: (set[int](), one.ports or DEFAULT_PORTS)
            for one in devices.controllers
            if one.type == "virtio-serial"
        }
        self._full = {0: 0, 1: 0}
        """How many controllers have no port left from that number on, in their order."""

    def take(self, address: PortAddress) -> str | None:
        """What is wrong with it, or None."""
        number, port = address.controller, address.port or 0
        taken, count = self._taken[number]
        if address.bus:
            return f"virtio serial controller {number} does not have bus {address.bus}"
        if port >= count:
            return f"virtio serial controller {number} does not have port {port}"
        if port in taken:
            return f"virtio serial port {port} on controller {number} is already occupied"
        taken.add(port)
        return None

    def next_of(self, controller: int, first: int) -> int | None:
        taken, count = self._taken[controller]
        return next((port for port in range(first, count) if port not in taken), None)

    def next(self, first: int) -> PortAddress | None:
        # Ports are never given back, so that a full controller is not looked at again.
        controllers = [*self._taken]
        while self._full[first] < len(controllers):
            controller = controllers[self._full[first]]
            port = self.next_of(controller, first)
            if port is not None:
                return PortAddress(controller=controller, bus=0, port=port)
            self._full[first] += 1
        return None

    def add_controller(self) -> Controller:
        index = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
        self._taken[index] = set(), DEFAULT_PORTS
        return Controller(type="virtio-serial", index=index)


def _with_ports(devices: Devices) -> Devices:
    occupied = OccupiedPorts(devices)
    for port in ports(devices):
        if port.address is not None and has_port(port):
            occupied.take(port.address)
    added: list[Controller] = []

    def placed(port: Any) -> Any:
        if port.address is not None and has_port(port):
            return replace(port, address=replace(port.address, bus=0))
        if port.address is not None:
            number = occupied.next_of(port.address.controller, 1)
            address = replace(port.address, bus=0, port=number)
        else:
            first = 0 if isinstance(port, Chardev) else 1
            found = occupied.next(first)
            if found is None:
                added.append(occupied.add_controller())
                found = occupied.next(first)
            address = found
        occupied.take(address)
        return replace(port, address=address)

    consoles = tuple(placed(one) if one.target_type == "virtio" else one for one in devices.consoles)
    channels = tuple(placed(one) for one in devices.channels)
    return replace(devices, consoles=consoles, channels=channels, controllers=(*devices.controllers, *added))
