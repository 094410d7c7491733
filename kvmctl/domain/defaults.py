"""What libvirt fills in at definition: identity, the console that older clients look for, devices' own."""

from collections import defaultdict
from dataclasses import replace
from itertools import count
from secrets import token_bytes
from typing import TypeVar
from uuid import uuid4

from kvmctl.domain.addresses import with_addresses
from kvmctl.domain.machine_defaults import with_machine_defaults
from kvmctl.domain.meaning.chardevs import SERIAL_PORTS
from kvmctl.domain.model import (
    Channel,
    Chardev,
    CharSource,
    Controller,
    Devices,
    Disk,
    Domain,
    Filesystem,
    Interface,
    Memballoon,
    Rng,
    Vsock,
)

T = TypeVar("T", bound=CharSource)

MAC_PREFIX = "52:54:00"
"""Of the addresses that libvirt makes up for virtual machines."""
RANDOM_NUMBERS = "/dev/random"


def with_defaults(domain: Domain) -> Domain:
    filled = replace(
        domain,
        uuid=domain.uuid or uuid4(),
        current_memory=min(domain.current_memory or domain.memory, domain.memory),
        devices=_filled(domain.devices),
    )
    return with_addresses(with_machine_defaults(filled))


def _filled(devices: Devices) -> Devices:
    watchdog = devices.watchdog
    return replace(
        _paired(devices),
        controllers=_numbered(devices.controllers),
        disks=tuple(_with_driver(disk) for disk in devices.disks),
        filesystems=tuple(_with_access(filesystem) for filesystem in devices.filesystems),
        interfaces=tuple(_with_card(interface) for interface in devices.interfaces),
        channels=tuple(_channel(channel) for channel in devices.channels),
        rngs=tuple(_with_file(rng) for rng in devices.rngs),
        panics=tuple(replace(panic, model="isa") for panic in devices.panics),
        memballoon=devices.memballoon or Memballoon(model="virtio"),
        watchdog=watchdog and replace(watchdog, action=watchdog.action or "reset"),
        vsock=devices.vsock and _with_cid(devices.vsock),
    )


def _paired(devices: Devices) -> Devices:
    """The first serial port and the first console are one device, as libvirt has them for hvm guests."""
    serials, consoles = devices.serials, devices.consoles
    is_serial = bool(consoles) and consoles[0].target_type != "virtio"
    if is_serial and not serials:
        serials = (replace(consoles[0], target_type=None, target_port=0, target_model=None),)
    serials = tuple(_connected(serial) for serial in _with_ports(serials))
    consoles = tuple(_console(console, index) for index, console in enumerate(consoles))
    if serials:
        others = consoles[1:] if is_serial else consoles
        consoles = (replace(serials[0], target_type="serial", target_model=None), *others)
    return replace(devices, serials=serials, consoles=consoles)


def _console(console: Chardev, index: int) -> Chardev:
    port = index if console.target_port is None else console.target_port
    return replace(_connected(console), target_port=port)


def _connected(chardev: T) -> T:
    if chardev.source_type != "unix":
        return chardev
    return replace(chardev, mode=chardev.mode or "connect")


def _channel(channel: Channel) -> Channel:
    """One without a path gets its socket when it starts."""
    return replace(channel, mode=None) if channel.path is None else _connected(channel)


def _numbered(controllers: tuple[Controller, ...]) -> tuple[Controller, ...]:
    """Each kind counts for itself."""
    used: defaultdict[str, set[int]] = defaultdict(set)
    for one in controllers:
        if one.index is not None:
            used[one.type].add(one.index)
    result = []
    for one in controllers:
        if one.index is None:
            index = next(number for number in count() if number not in used[one.type])
            used[one.type].add(index)
            one = replace(one, index=index)
        result.append(one)
    return tuple(result)


def _with_card(interface: Interface) -> Interface:
    made_up = ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in token_bytes(3))])
    backend = "passt" if interface.type == "user" else interface.backend
    return replace(interface, mac=(interface.mac or made_up).lower(), model="virtio", backend=backend)


def _with_driver(disk: Disk) -> Disk:
    cache = None if disk.cache == "default" else disk.cache
    kind = disk.driver_type or "raw"
    return replace(disk, driver_name="qemu", driver_type=kind, cache=cache, bus="virtio")


def _with_access(filesystem: Filesystem) -> Filesystem:
    return replace(filesystem, accessmode="passthrough")


def _with_file(rng: Rng) -> Rng:
    return replace(rng, path=rng.path or RANDOM_NUMBERS) if rng.backend == "random" else rng


def _with_cid(vsock: Vsock) -> Vsock:
    auto = vsock.cid is None if vsock.cid_auto is None else vsock.cid_auto
    return replace(vsock, model="virtio", cid_auto=auto)


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
