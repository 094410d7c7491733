"""The names that devices of a running domain have, as libvirt gives them (qemu_alias.c's scheme)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any, Final

from kvmctl.domain.model import Controller, Devices, Disk, Domain

_LISTS: Final = {
    "filesystems": "fs",
    "interfaces": "net",
    "serials": "serial",
    "consoles": "console",
    "channels": "channel",
    "rngs": "rng",
    "panics": "panic",
}
"""By the list of the domain's devices: each is numbered."""

_SINGLE: Final = {"watchdog": "watchdog0", "memballoon": "balloon0", "vsock": "vsock0"}
"""Devices that a domain has one of at the most."""


def with_aliases(domain: Domain) -> Domain:
    """Every device that has none gets its alias."""
    devices = domain.devices
    taken = _aliases(devices)
    changes: dict[str, Any] = {
        "disks": tuple(_named(disk, _disk_alias(disk)) for disk in devices.disks),
        "controllers": tuple(_named(one, _controller_alias(one)) for one in devices.controllers),
    }
    for name, prefix in _LISTS.items():
        changes[name] = tuple(
            _named(device, _free_alias(prefix, index, taken))
            for index, device in enumerate(getattr(devices, name))
        )
    for name, alias in _SINGLE.items():
        device = getattr(devices, name)
        changes[name] = None if device is None else _named(device, alias)
    changes["consoles"] = _paired(changes["consoles"], changes["serials"])
    return replace(domain, devices=replace(devices, **changes))


def _aliases(devices: Devices) -> set[str]:
    def all_aliases() -> Iterator[str | None]:
        for name in ("disks", "controllers", *_LISTS):
            yield from (device.alias for device in getattr(devices, name))

    return {alias for alias in all_aliases() if alias}


def _named(device: Any, alias: str) -> Any:
    return device if device.alias else replace(device, alias=alias)


def _free_alias(prefix: str, index: int, taken: set[str]) -> str:
    return next(alias for number in count(index) if (alias := f"{prefix}{number}") not in taken)


def _paired(consoles: tuple[Any, ...], serials: tuple[Any, ...]) -> tuple[Any, ...]:
    """The console that is the first serial port has its alias."""
    if not consoles or not serials or consoles[0].target_type == "virtio":
        return consoles
    return (replace(consoles[0], alias=serials[0].alias), *consoles[1:])


def _disk_alias(disk: Disk) -> str:
    return f"virtio-disk{disk_index(disk.target)}"


def disk_index(target: str) -> int:
    """The place of a disk's name in the row vda … vdz, vdaa …, counted from 0."""
    number = 0
    for letter in target.removeprefix("vd"):
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


def _controller_alias(controller: Controller) -> str:
    index = controller.index or 0
    match controller.type:
        case "pci":
            return f"pci.{index}"
        case "usb" if index == 0:
            return "usb"
        case kind:
            return f"{kind}{index}"
