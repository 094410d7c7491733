"""The states of a definition: what only a running domain has is declared at the field (``live``)."""

from dataclasses import replace
from typing import Any, TypeVar

from kvmctl.domain.binding import Nested, shape_of
from kvmctl.domain.model import Domain
from kvmctl.domain.model.chardev import is_default_path
from kvmctl.domain.model.shared import OWN_ALIAS

T = TypeVar("T")


def inactive(value: T) -> T:
    """The domain, or a part of it, without what only a running one has: id, aliases, terminals."""
    changes: dict[str, Any] = {}
    cls: type[Any] = type(value)
    for bound in shape_of(cls).bounds():
        item = getattr(value, bound.name)
        if bound.binding.live(value):
            default = cls.__dataclass_fields__[bound.name].default
            if item is not default:
                changes[bound.name] = default
        elif isinstance(bound.content, Nested) and item is not None:
            before = item if bound.content.many else (item,)
            after = tuple(map(inactive, before))
            if any(new is not old for new, old in zip(after, before, strict=True)):
                changes[bound.name] = after if bound.content.many else after[0]
    return replace(value, **changes) if changes else value  # type: ignore[type-var]


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
