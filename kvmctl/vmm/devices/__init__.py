"""The devices of a machine: one module each, and the table of what sits on the board.

A new device is a module with an `attach(platform)` that returns the devices it has put in, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kvmctl.vmm.devices import debugport, fwcfg, i6300esb, i8042, pcihost, pm, pvpanic, resetport, rtc, serial
from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import balloon, blk, console, fs, net, rng, vsock, vsockkernel

BOARD: Final[tuple[Callable[[Platform], Sequence[Device]], ...]] = (
    serial.attach,
    rtc.attach,
    i8042.attach,
    resetport.attach,
    pm.attach,
    pvpanic.attach,
    fwcfg.attach,
    debugport.attach,
    pcihost.attach,
    blk.attach,
    fs.attach,
    net.attach,
    rng.attach,
    console.attach,
    balloon.attach,
    vsock.attach,
    vsockkernel.attach,
    i6300esb.attach,
)
