"""The PCI host bridge: bus 0, the ways to its configuration spaces, and the bridge's own function 00:00.0.

It says that it is the 82441FX of QEMU's PC, which SeaBIOS looks for to unlock the RAM under its own segment
(SeaBIOS src/fw/shadow.c). That RAM can always be written: the PAM registers only keep what they are told.
"""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.bus import pciconfig
from kvmctl.vmm.bus.pci import Identity, PciFunction
from kvmctl.vmm.devices.platform import Device, Platform

# Intel 82441FX data sheet 3.2; the subsystem of QEMU's devices (QEMU docs/specs/pci-ids)
_IDENTITY: Final = Identity(
    vendor=0x8086,
    device=0x1237,
    class_code=0x06_00_00,
    revision=2,
    subsystem_vendor=0x1AF4,
    subsystem=0x1100,
)
# 3.2.18: a nibble for each 16 KiB from 0xC0000 on; zero after power-on, when SeaBIOS copies itself there
_PAM: Final = 0x59
_PAM_SIZE: Final = 7
_DATA_SIZE: Final = 4


def attach(platform: Platform) -> list[Device]:
    if platform.pci is None:
        return []
    address = pciconfig.ConfigAddress()
    platform.bus.ports.add_exact(pciconfig.CONFIG_ADDRESS, 4, address)
    platform.bus.ports.add(pciconfig.CONFIG_DATA, _DATA_SIZE, pciconfig.ConfigData(address, platform.pci))
    platform.bus.mmio.add(pciconfig.ECAM_BASE, pciconfig.ECAM_SIZE, pciconfig.Ecam(platform.pci))
    bridge = PciFunction(_IDENTITY, platform.bus.mmio)
    bridge.config.declare(_PAM, 0, _PAM_SIZE, writable=(1 << 8 * _PAM_SIZE) - 1)
    platform.pci.add(0, bridge)
    return [address, bridge]
