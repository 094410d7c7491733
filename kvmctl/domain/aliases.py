"""The names that devices of a running domain have, as libvirt gives them (qemu_alias.c's scheme)."""

from dataclasses import replace
from typing import Any, Final

from kvmctl.domain.model import Domain

_PREFIXES: Final = {
    "disks": "virtio-disk",
    "interfaces": "net",
    "serials": "serial",
    "rngs": "rng",
}
"""By the list of the domain's devices."""


def with_aliases(domain: Domain) -> Domain:
    """Every device that has none gets its alias: the prefix of its kind, and its number in its list."""
    lists: dict[str, Any] = {
        name: tuple(
            device if device.alias else replace(device, alias=f"{prefix}{index}")
            for index, device in enumerate(getattr(domain.devices, name))
        )
        for name, prefix in _PREFIXES.items()
    }
    return replace(domain, devices=replace(domain.devices, **lists))
