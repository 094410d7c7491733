"""Places in memory for devices that no bus lets the guest find: a page each, and an interrupt line.

They begin where Firecracker has them. The lines are level-triggered, and shared when there are more devices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.bus.io import AddressSpace, BusError, Registers
from kvmctl.vmm.bus.line import SharedLine

BASE: Final = 0xD000_0000
SIZE: Final = 0x1000
SLOTS: Final = 64

IOAPIC_GSIS: Final = tuple(range(16, 24))
"""The pins of the IOAPIC that no ISA device has; only ACPI tells the guest of them."""
ISA_GSIS: Final = (5, 10, 11, 14, 15)
"""What is free of the two PICs' lines."""


@dataclass(frozen=True, slots=True)
class Slot:
    number: int
    address: int
    gsi: int


class MmioSlots:
    def __init__(
        self, mmio: AddressSpace, irq: Callable[[int], Callable[[bool], None]], gsis: tuple[int, ...]
    ) -> None:
        """`irq(gsi)` gives the function that sets the level of that line."""
        self.taken: list[Slot] = []
        self._mmio = mmio
        self.gsis = gsis
        self._lines = {gsi: SharedLine(irq(gsi)) for gsi in gsis}

    def take(self) -> Slot:
        """The next one; BusError when there is none."""
        number = len(self.taken)
        if number == SLOTS:
            raise BusError(f"more than {SLOTS} virtio devices on a machine without PCI")
        slot = Slot(number, BASE + SIZE * number, self.gsis[number % len(self.gsis)])
        self.taken.append(slot)
        return slot

    def map(self, slot: Slot, registers: Registers) -> None:
        self._mmio.add(slot.address, SIZE, registers)

    def set_interrupt(self, slot: Slot, level: bool) -> None:
        """Any thread may call this."""
        self._lines[slot.gsi].set(slot.number, level)

    def kernel_arguments(self) -> str:
        """What announces the devices to Linux without ACPI (its admin-guide, kernel-parameters)."""
        return " ".join(
            f"virtio_mmio.device={SIZE >> 10}K@{slot.address:#x}:{slot.gsi}" for slot in self.taken
        )
