"""The states of a definition: what only a running domain has is declared at the field (``live``)."""

from dataclasses import fields, replace
from typing import TypeVar

from kvmctl.domain.binding import Nested, shape_of
from kvmctl.domain.model import Domain
from kvmctl.domain.model.chardev import is_default_path
from kvmctl.domain.model.shared import OWN_ALIAS

T = TypeVar("T")


def inactive(value: T) -> T:
    """The domain, or a part of it, without what only a running one has: id, aliases, terminals."""
    defaults = {one.name: one.default for one in fields(value)}  # type: ignore[arg-type]
    changes = {}
    for bound in shape_of(type(value)).bounds():
        item = getattr(value, bound.name)
        if bound.binding.live(value):
            changes[bound.name] = defaults[bound.name]
        elif isinstance(bound.content, Nested) and item is not None:
            changes[bound.name] = tuple(map(inactive, item)) if bound.content.many else inactive(item)
    return replace(value, **changes)  # type: ignore[type-var]


def migratable(domain: Domain) -> Domain:
    """Without what every host makes up for itself: the PCI bus, and the places of channels' sockets."""
    devices = domain.devices
    controllers = tuple(
        one
        for one in devices.controllers
        if one.type != "pci" or (one.alias is not None and one.alias.startswith(OWN_ALIAS))
    )
    channels = tuple(
        replace(channel, path=None, mode=None) if is_default_path(channel.path) else channel
        for channel in devices.channels
    )
    return replace(domain, devices=replace(devices, controllers=controllers, channels=channels))
