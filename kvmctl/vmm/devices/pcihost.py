"""The PCI host bridge: bus 0, the ways to its configuration spaces, and the bridge's own function 00:00.0."""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.bus import pciconfig
from kvmctl.vmm.bus.pci import Identity, PciFunction
from kvmctl.vmm.devices.platform import Device, Platform

# "QEMU PCIe Host bridge": QEMU docs/specs/pci-ids
_IDENTITY: Final = Identity(vendor=0x1B36, device=0x0008, class_code=0x06_00_00)
_DATA_SIZE: Final = 4


def attach(platform: Platform) -> list[Device]:
    if platform.pci is None:
        return []
    address = pciconfig.ConfigAddress()
    platform.bus.ports.add_exact(pciconfig.CONFIG_ADDRESS, 4, address)
    platform.bus.ports.add(pciconfig.CONFIG_DATA, _DATA_SIZE, pciconfig.ConfigData(address, platform.pci))
    platform.bus.mmio.add(pciconfig.ECAM_BASE, pciconfig.ECAM_SIZE, pciconfig.Ecam(platform.pci))
    bridge = PciFunction(_IDENTITY, platform.bus.mmio)
    platform.pci.add(0, bridge)
    return [address, bridge]
