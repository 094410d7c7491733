"""What carries a virtio device: the bus of the machine that it is plugged into."""

from __future__ import annotations

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio.device import VirtioDevice
from kvmctl.vmm.devices.virtio.pci import VirtioPci


def plug(device: VirtioDevice, platform: Platform) -> Device:
    """A function of the PCI bus, in the next free slot."""
    return VirtioPci(device, platform)
