"""Machines to describe in tables, and the tables taken out of guest memory again."""

from __future__ import annotations

import struct
from dataclasses import replace

from kvmctl.vmm.boot import acpi

BOARD = acpi.Board(
    processors=tuple(acpi.Processor(number) for number in range(4)),
    power=acpi.PowerBlock(event=0x600, control=0x604, timer=0x608, sci=9, s5_sleep_type=0),
    reset_port=0xCF9,
    reset_value=6,
    rtc_port=0x70,
    rtc_irq=8,
    rtc_century=0x32,
    uarts=(acpi.Uart(1, 0x3F8, 4), acpi.Uart(2, 0x2F8, 3)),
    keyboard_controller=True,
)
PCI = acpi.PciRoot(
    ecam=0xE000_0000,
    ecam_size=1 << 20,
    windows=((0xC000_0000, 0x2000_0000), (0xE010_0000, 0x1EB0_0000)),
    gsis=(11, 10, 10, 11),
)
LARGEST = replace(
    BOARD,
    pci=PCI,
    pvpanic_port=0x505,
    processors=tuple(acpi.Processor(number, number < 200, number % 3) for number in range(255)),
    memory=(
        acpi.NodeMemory(0, 1 << 30, 0),
        acpi.NodeMemory(1 << 30, 2 << 30, 1),
        acpi.NodeMemory(4 << 30, 1 << 40, 2),
    ),
    distances=((10, 20, 30), (20, 10, 40), (30, 40, 10)),
    uarts=(*BOARD.uarts, acpi.Uart(3, 0x3E8, 4), acpi.Uart(4, 0x2E8, 3)),
)
SMALLEST = replace(BOARD, processors=(acpi.Processor(0),), uarts=(), keyboard_controller=False)
MICROVM = replace(
    BOARD, virtio_mmio=tuple(acpi.MmioDevice(0xD000_0000 + 0x1000 * n, 0x1000, 16 + n % 8) for n in range(20))
)
BOARDS = {"usual": BOARD, "largest": LARGEST, "smallest": SMALLEST, "microvm": MICROVM}


class Tables:
    """What `acpi.build` has written, found as an operating system finds it."""

    def __init__(self, board: acpi.Board) -> None:
        self.written: dict[int, bytes] = {}
        self.rsdp_address = acpi.build(board, self._write)
        self.rsdp = self.written[self.rsdp_address]
        self.xsdt = self.at(struct.unpack_from("<Q", self.rsdp, 24)[0])
        count = (len(self.xsdt) - 36) // 8
        self.listed = [self.at(address) for address in struct.unpack_from(f"<{count}Q", self.xsdt, 36)]
        self.fadt = self["FACP"]
        self.dsdt = self.at(struct.unpack_from("<Q", self.fadt, 140)[0])
        self.facs = self.at(struct.unpack_from("<I", self.fadt, 36)[0])

    def _write(self, address: int, data: bytes) -> None:
        assert address % 16 == 0
        for start, other in self.written.items():
            assert address + len(data) <= start or start + len(other) <= address, "tables overlap"
        self.written[address] = bytes(data)

    def at(self, address: int) -> bytes:
        return self.written[address]

    def __getitem__(self, signature: str) -> bytes:
        (found,) = (table for table in self.listed if table[:4] == signature.encode())
        return found

    def all(self) -> list[bytes]:
        """Every table with the common header."""
        return [self.xsdt, self.dsdt, *self.listed]
