"""What carries a virtio device: the bus of the machine that it is plugged into."""

from __future__ import annotations

from typing import Protocol

from kvmctl.domain.model import Address
from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.device import AnyDevice
from kvmctl.vmm.devices.virtio.mmio import VirtioMmio
from kvmctl.vmm.devices.virtio.pci import VirtioPci


class Transport(Protocol):
    """A device on its bus; `core.configuration_changed` is how it tells the driver of a change."""

    @property
    def core(self) -> VirtioCore: ...
    def reset(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


def plug(device: AnyDevice, platform: Platform, address: Address | None = None) -> Transport:
    """A PCI function, at the address that the domain has for it, or a place of a machine without PCI."""
    if platform.pci is None:
        return VirtioMmio(device, platform)
    return VirtioPci(device, platform.pci, platform, address)
