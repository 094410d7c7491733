"""PCI configuration space, BARs, both ways to reach it, and MSI-X."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.bus import pci, pciconfig
from kvmctl.vmm.bus.io import AddressSpace, BusError, IoBus
from kvmctl.vmm.bus.msix import Msix
from kvmctl.vmm.bus.pci import Identity, PciBus, PciFunction
from kvmctl.vmm.kvm.system import KvmError

BAR_SIZE = 0x2000
TABLE = 0x1000
PBA = 0x1800
ENABLE = 1 << 31
DEVICE = Identity(vendor=0x1AF4, device=0x1042, class_code=0x018000, revision=1)


class Vector:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.message: tuple[int, int] | None = None
        self.sent = 0

    def route(self, address: int, data: int) -> None:
        if address == 0xBAD:
            raise KvmError("refused")
        self.message = (address, data)

    def signal(self) -> None:
        self.sent += 1


class Scratch:
    def __init__(self) -> None:
        self.value = 0

    def read(self, offset: int, size: int) -> int:
        return self.value

    def write(self, offset: int, size: int, value: int) -> None:
        self.value = value


class Board:
    """A bus with one function in slot 1 that has a BAR, four vectors and an interrupt pin."""

    def __init__(self) -> None:
        self.io = IoBus()
        self.levels: dict[int, bool] = {}
        self.bus = PciBus(self.io.mmio, self._irq)
        address = pciconfig.ConfigAddress()
        self.io.ports.add_exact(pciconfig.CONFIG_ADDRESS, 4, address)
        self.io.ports.add(pciconfig.CONFIG_DATA, 4, pciconfig.ConfigData(address, self.bus))
        self.io.mmio.add(pciconfig.ECAM_BASE, pciconfig.ECAM_SIZE, pciconfig.Ecam(self.bus))
        self.function = PciFunction(DEVICE, self.io.mmio)
        self.function.use_interrupt_pin(*self.bus.intx(1 << 3))
        self.vectors = [Vector() for _ in range(4)]
        self.msix = Msix(self.function, self.vectors, 0, TABLE, PBA)
        self.scratch = Scratch()
        registers = AddressSpace("test", BAR_SIZE)
        registers.add(0, 4, self.scratch)
        registers.add(TABLE, 64, self.msix.table)
        registers.add(PBA, 8, self.msix.pba)
        self.places: list[int | None] = []
        self.base = self.bus.allocate(BAR_SIZE)
        self.function.add_memory_bar(0, self.base, BAR_SIZE, registers, self.places.append)
        self.bus.add(1 << 3, self.function)

    def _irq(self, gsi: int) -> Callable[[bool], None]:
        def set_level(level: bool) -> None:
            self.levels[gsi] = level

        return set_level

    def select(self, offset: int, slot: int = 1) -> None:
        self.io.pio_write(0xCF8, 4, ENABLE | slot << 11 | offset & ~3)

    def read(self, offset: int, size: int = 4) -> int:
        self.select(offset)
        return self.io.pio_read(0xCFC + offset % 4, size)

    def write(self, offset: int, value: int, size: int = 4) -> None:
        self.select(offset)
        self.io.pio_write(0xCFC + offset % 4, size, value)

    def capability(self, identifier: int) -> int:
        offset = self.read(0x34, 1)
        while self.read(offset, 1) != identifier:
            offset = self.read(offset + 1, 1)
        return offset


def test_identity_by_ports_and_by_memory() -> None:
    board = Board()
    assert board.read(0) == 0x1042_1AF4
    assert board.read(2, 2) == 0x1042
    assert board.read(8) == 0x0180_0001
    assert board.io.mmio_read(0xE000_0000 + (1 << 15), 4) == 0x1042_1AF4
    assert board.io.mmio_read(0xE000_0000 + (1 << 15) + 256, 4) == 0
    board.write(0, 0xFFFF_FFFF)
    assert board.read(0) == 0x1042_1AF4


@pytest.mark.parametrize(
    "address", [0, 1 << 11, ENABLE | 2 << 11, ENABLE | 1 << 11 | 1 << 8, ENABLE | 1 << 16]
)
def test_nobody_answers_as_all_ones(address: int) -> None:
    board = Board()
    board.io.pio_write(0xCF8, 4, address)
    assert board.io.pio_read(0xCFC, 4) == 0xFFFF_FFFF
    board.io.pio_write(0xCFC, 4, 0)


def test_the_address_register_takes_32_bits_only() -> None:
    board = Board()
    board.select(0)
    board.io.pio_write(0xCF8, 1, 0x40)
    assert board.io.pio_read(0xCF8, 4) == ENABLE | 1 << 11
    assert board.io.pio_read(0xCF9, 1) == 0xFF


def test_a_bar_is_sized_and_moves() -> None:
    board = Board()
    board.write(0x10, 0xFFFF_FFFF)
    assert board.read(0x10) == 0x1_0000_0000 - BAR_SIZE
    assert board.read(0x14) == 0
    board.write(0x10, 0xD000_0000)
    board.write(4, pci.COMMAND_MEMORY, 2)
    board.io.mmio_write(0xD000_0000, 4, 7)
    assert board.scratch.value == 7
    board.write(0x10, 0xD100_0000)
    assert board.io.mmio_read(0xD100_0000, 4) == 7
    assert board.io.mmio_read(0xD000_0000, 4) == 0xFFFF_FFFF
    board.write(4, 0, 2)
    assert board.io.mmio_read(0xD100_0000, 4) == 0xFFFF_FFFF
    assert board.places == [0xD000_0000, None, 0xD100_0000, None]


def test_a_bar_over_other_registers_is_nowhere() -> None:
    board = Board()
    board.write(4, pci.COMMAND_MEMORY, 2)
    board.write(0x10, 0xE000_0000)
    assert board.places == [board.base, None]
    assert board.read(0) == 0x1042_1AF4
    board.function.reset()
    assert board.read(0x10) == board.base


def test_a_full_bus() -> None:
    board = Board()
    board.bus.add(0, PciFunction(DEVICE, board.io.mmio))
    for _ in range(30):
        board.bus.add(board.bus.free_devfn(), PciFunction(DEVICE, board.io.mmio))
    with pytest.raises(BusError):
        board.bus.free_devfn()


def test_the_interrupt_pin() -> None:
    board = Board()
    gsi = board.read(0x3C, 1)
    assert board.read(0x3D, 1) == 1
    board.function.set_interrupt(True)
    assert board.levels[gsi]
    assert board.read(6, 2) & pci.STATUS_INTERRUPT
    board.write(4, pci.COMMAND_INTX_DISABLE, 2)
    assert not board.levels[gsi]
    board.write(4, 0, 2)
    assert board.levels[gsi]
    other_gsi, other = board.bus.intx(5 << 3)
    assert other_gsi == gsi
    other(True)
    board.function.set_interrupt(False)
    assert board.levels[gsi]
    other(False)
    assert not board.levels[gsi]


class MsixBoard(Board):
    def __init__(self) -> None:
        super().__init__()
        self.write(4, pci.COMMAND_MEMORY | pci.COMMAND_MASTER, 2)
        self.control = self.capability(0x11) + 2

    def set_entry(self, number: int, address: int, data: int, control: int) -> None:
        place = self.base + TABLE + 16 * number
        self.io.mmio_write(place, 8, address)
        self.io.mmio_write(place + 8, 4, data)
        self.io.mmio_write(place + 12, 4, control)


def test_msix_describes_itself() -> None:
    board = MsixBoard()
    assert board.read(board.control, 2) == 3
    assert board.read(board.control + 2) == TABLE
    assert board.read(board.control + 6) == PBA
    assert board.io.mmio_read(board.base + TABLE + 12, 4) == 1


def test_msix_delivers_and_keeps_what_is_masked() -> None:
    board = MsixBoard()
    vector = board.vectors[2]
    board.msix.signal(2)
    board.write(board.control, 1 << 15, 2)
    board.msix.signal(2)
    assert board.io.mmio_read(board.base + PBA, 8) == 1 << 2
    assert vector.sent == 0
    board.set_entry(2, 0xFEE0_0000, 0x31, 0)
    assert (vector.message, vector.sent) == ((0xFEE0_0000, 0x31), 1)
    assert board.io.mmio_read(board.base + PBA, 8) == 0
    board.msix.signal(2)
    assert vector.sent == 2
    board.write(board.control, 3 << 14, 2)
    board.msix.signal(2)
    assert vector.sent == 2
    board.write(board.control, 1 << 15, 2)
    assert vector.sent == 3
    board.io.mmio_write(board.base + PBA, 8, 0xFF)
    assert board.io.mmio_read(board.base + PBA, 8) == 0


def test_a_message_that_the_host_refuses() -> None:
    board = MsixBoard()
    board.write(board.control, 1 << 15, 2)
    board.set_entry(0, 0xBAD, 0, 0)
    board.msix.signal(0)
    assert board.vectors[0].sent == 0


@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1))))
def test_any_configuration_write_leaves_the_identity(writes: list[tuple[int, int, int]]) -> None:
    board = Board()
    for offset, size, value in writes:
        board.bus.write(1 << 3, offset, size, value & (1 << 8 * size) - 1)
        board.bus.read(1 << 3, offset, size)
    assert board.read(0) == 0x1042_1AF4
    assert board.read(0x34, 1) == 0x40
    board.function.reset()
    assert board.read(4, 2) == 0


def test_functions_of_a_slot_share_its_pin() -> None:
    board = Board()
    first, second = (pci.PciFunction(pci.Identity(0x1234, number, 0), board.io.mmio) for number in (1, 2))
    board.bus.add(7 << 3, first, multifunction=True)
    board.bus.add(7 << 3 | 5, second)
    assert board.bus.read(7 << 3, 0x0E, 1) == 0x80
    assert board.bus.read(7 << 3 | 5, 0, 4) == 2 << 16 | 0x1234
    assert board.bus.read(7 << 3 | 4, 0, 4) == 0xFFFF_FFFF
    assert board.bus.intx(7 << 3)[0] == board.bus.intx(7 << 3 | 5)[0]
    with pytest.raises(BusError):
        board.bus.add(7 << 3, first)
