"""What libvirt fills in at definition: identity, and the console that older clients look for."""

from dataclasses import replace
from itertools import count
from secrets import token_bytes
from uuid import uuid4

from kvmctl.domain.meaning.chardevs import SERIAL_PORTS
from kvmctl.domain.model import Chardev, Controller, Devices, Disk, Domain, Interface

MACHINE = "pc"
MAC_PREFIX = "52:54:00"
"""Of the addresses that libvirt makes up for virtual machines."""


def with_defaults(domain: Domain) -> Domain:
    return replace(
        domain,
        uuid=domain.uuid or uuid4(),
        current_memory=min(domain.current_memory or domain.memory, domain.memory),
        os=replace(domain.os, machine=domain.os.machine or MACHINE),
        devices=replace(
            _paired(domain.devices),
            controllers=_numbered(domain.devices.controllers),
            disks=tuple(_with_driver(disk) for disk in domain.devices.disks),
            interfaces=tuple(_with_card(interface) for interface in domain.devices.interfaces),
        ),
    )


def _paired(devices: Devices) -> Devices:
    """The first serial port and the first console are one device, as libvirt has them for hvm guests."""
    serials = devices.serials
    if devices.consoles and not serials:
        serials = (replace(devices.consoles[0], target_type=None, target_port=0, target_model=None),)
    serials = _with_ports(serials)
    if not serials:
        return devices
    console = replace(serials[0], target_type="serial", target_model=None)
    return replace(devices, serials=serials, consoles=(console, *devices.consoles[1:]))


def _numbered(controllers: tuple[Controller, ...]) -> tuple[Controller, ...]:
    return tuple(replace(one, index=0 if one.index is None else one.index) for one in controllers)


def _with_card(interface: Interface) -> Interface:
    made_up = ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in token_bytes(3))])
    return replace(interface, mac=(interface.mac or made_up).lower(), model="virtio")


def _with_driver(disk: Disk) -> Disk:
    return replace(disk, driver_name="qemu", driver_type="raw", bus="virtio")


def _with_ports(serials: tuple[Chardev, ...]) -> tuple[Chardev, ...]:
    """A port without a number takes the one after the highest or, past the last, the first that is free."""
    result: list[Chardev] = []
    used = {serial.target_port for serial in serials if serial.target_port is not None}
    for serial in serials:
        port = serial.target_port
        if port is None:
            port = max(used, default=-1) + 1
            if port >= SERIAL_PORTS:
                port = next(number for number in count() if number not in used)
            used.add(port)
        result.append(replace(serial, target_port=port, target_type="isa-serial", target_model="isa-serial"))
    return tuple(result)
