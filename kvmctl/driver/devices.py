"""Devices of a definition, put in, taken out and changed by their XML (virDomainAttachDeviceFlags)."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final

from lxml import etree

import kvmctl.domain
from kvmctl.domain import Devices, Disk, Domain, DomainError, Interface
from kvmctl.driver import fragments
from kvmctl.driver.errors import domain_failure, failure
from kvmctl.driver.rpc import ErrorCode

# The field of Devices that each element is in.
_LISTS: Final = {
    "disk": "disks",
    "controller": "controllers",
    "filesystem": "filesystems",
    "interface": "interfaces",
    "serial": "serials",
    "console": "consoles",
    "channel": "channels",
    "rng": "rngs",
    "panic": "panics",
}
_SINGLES: Final = ("watchdog", "memballoon", "vsock")


def parse_device(definition: Domain, text: str) -> tuple[str, Any]:
    """The element's name and the device, read as a part of this definition."""
    element = fragments.load(text, "device_definition")
    tag = str(element.tag)
    root = etree.fromstring(kvmctl.domain.format(definition).encode())
    devices = root.find("devices")
    if devices is None:
        devices = etree.SubElement(root, "devices")
    for other in list(devices):
        devices.remove(other)
    devices.append(element)
    try:
        parsed = kvmctl.domain.parse(etree.tostring(root)).devices
    except DomainError as error:
        raise domain_failure(error) from error
    if tag in _LISTS:
        return tag, getattr(parsed, _LISTS[tag])[0]
    if tag in _SINGLES:
        return tag, getattr(parsed, tag)
    raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"devices of the kind '{tag}' cannot be attached")


def with_device(definition: Domain, tag: str, device: Any) -> Domain:
    """With one device more, which gets what it lacks: an address, a MAC."""
    devices = definition.devices
    if tag in _SINGLES:
        if getattr(devices, tag) is not None:
            raise failure(ErrorCode.OPERATION_INVALID, f"the domain already has a device '{tag}'")
        changed = _replaced(devices, tag, device)
    else:
        present = getattr(devices, _LISTS[tag])
        if isinstance(device, Disk) and any(disk.target == device.target for disk in present):
            raise failure(ErrorCode.OPERATION_INVALID, f"target {device.target} already exists")
        changed = _replaced(devices, _LISTS[tag], (*present, device))
    return kvmctl.domain.with_defaults(replace(definition, devices=changed))


def without_device(definition: Domain, tag: str, device: Any) -> Domain:
    devices = definition.devices
    found = find_device(definition, tag, device)
    if tag in _SINGLES:
        return replace(definition, devices=_replaced(devices, tag, None))
    left = tuple(each for each in getattr(devices, _LISTS[tag]) if each is not found)
    return replace(definition, devices=_replaced(devices, _LISTS[tag], left))


def with_changed_device(definition: Domain, tag: str, device: Any) -> Domain:
    """The device takes the place of the one that it is a new form of; its address stays."""
    found = find_device(definition, tag, device)
    if getattr(device, "address", None) is None and hasattr(device, "address"):
        device = replace(device, address=found.address)
    devices = definition.devices
    if tag in _SINGLES:
        return replace(definition, devices=_replaced(devices, tag, device))
    changed = tuple(device if each is found else each for each in getattr(devices, _LISTS[tag]))
    return replace(definition, devices=_replaced(devices, _LISTS[tag], changed))


def _replaced(devices: Devices, name: str, value: Any) -> Devices:
    changes: dict[str, Any] = {name: value}
    return replace(devices, **changes)


def find_device(definition: Domain, tag: str, device: Any) -> Any:
    """The definition's own device that another one, of a client's XML, names.

    A disk by its target, a card by its MAC, everything else by all that the client says of it.
    """
    if tag in _SINGLES:
        candidates = [each for each in [getattr(definition.devices, tag)] if each is not None]
        return _first(candidates, lambda _: True, "device not present in domain configuration")
    candidates = list(getattr(definition.devices, _LISTS[tag]))
    if isinstance(device, Disk):
        return _first(
            candidates, lambda disk: bool(disk.target == device.target), f"no target device {device.target}"
        )
    if isinstance(device, Interface) and device.mac:
        mac = device.mac.lower()
        return _first(
            candidates,
            lambda card: bool((card.mac or "").lower() == mac),
            f"no device matching MAC address {mac} found",
        )
    return _first(
        candidates, lambda each: _says_no_other(device, each), "device not present in domain configuration"
    )


def find_alias(definition: Domain, alias: str) -> tuple[str, Any]:
    """A device by its alias, with the name of its element."""
    for tag, name in _LISTS.items():
        for device in getattr(definition.devices, name):
            if getattr(device, "alias", None) == alias:
                return tag, device
    for tag in _SINGLES:
        device = getattr(definition.devices, tag)
        if device is not None and getattr(device, "alias", None) == alias:
            return tag, device
    raise failure(ErrorCode.DEVICE_MISSING, f"no device found with alias {alias}")


def _first(candidates: list[Any], wanted: Callable[[Any], bool], missing: str) -> Any:
    for candidate in candidates:
        if wanted(candidate):
            return candidate
    raise failure(ErrorCode.DEVICE_MISSING, missing)


def _says_no_other(said: Any, device: Any) -> bool:
    return all(
        getattr(said, field.name) in (None, field.default, getattr(device, field.name))
        for field in fields(said)
    )
