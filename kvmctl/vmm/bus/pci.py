"""PCI functions and the one bus that they sit on (PCI Local Bus Specification 3.0, chapter 6).

A function declares its configuration space: every bit is either fixed or the guest's to write. What has to
happen when the guest writes somewhere is a watcher of that place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.bus.io import AddressSpace, BusError, Registers
from kvmctl.vmm.bus.line import SharedLine

MMIO_WINDOW: Final = 0xC000_0000
MMIO_WINDOW_END: Final = 0xE000_0000
FIRMWARE_WINDOW: Final = 0xE010_0000
FIRMWARE_WINDOW_END: Final = 0xFEC0_0000
"""Where a firmware puts BARs, from the end downwards: between ECAM and the IOAPIC."""
SLOTS: Final = 32
CONFIG_SIZE: Final = 256

# Configuration header, type 0 (6.1)
_VENDOR: Final = 0x00
_DEVICE: Final = 0x02
COMMAND: Final = 0x04
STATUS: Final = 0x06
_REVISION: Final = 0x08
_CLASS: Final = 0x09
_HEADER_TYPE: Final = 0x0E
_MULTIFUNCTION: Final = 0x80
_BAR0: Final = 0x10
_SUBSYSTEM_VENDOR: Final = 0x2C
_SUBSYSTEM: Final = 0x2E
_CAPABILITIES: Final = 0x34
_INTERRUPT_LINE: Final = 0x3C
_INTERRUPT_PIN: Final = 0x3D
_FIRST_CAPABILITY: Final = 0x40
_BARS: Final = 6

COMMAND_MEMORY: Final = 1 << 1
COMMAND_MASTER: Final = 1 << 2
COMMAND_INTX_DISABLE: Final = 1 << 10
STATUS_INTERRUPT: Final = 1 << 3
STATUS_CAPABILITIES: Final = 1 << 4

# Pin A of slot n, modulo four: SeaBIOS src/fw/pciinit.c writes the same into the interrupt line registers.
INTX_GSIS: Final = (11, 10, 10, 11)

log = logging.getLogger(__name__)


class ConfigSpace:
    """Bytes of which each bit is fixed or writable."""

    def __init__(self, size: int = CONFIG_SIZE) -> None:
        self._data = bytearray(size)
        self._writable = bytearray(size)

    def declare(self, offset: int, value: int, size: int, *, writable: int = 0) -> None:
        self._data[offset : offset + size] = value.to_bytes(size, "little")
        self._writable[offset : offset + size] = writable.to_bytes(size, "little")

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(self._data[offset : offset + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """As the guest writes: fixed bits keep their value."""
        for index in range(offset, min(offset + size, len(self._data))):
            mask = self._writable[index]
            self._data[index] = self._data[index] & ~mask | value & mask
            value >>= 8

    def set_bits(self, offset: int, mask: int, value: bool) -> None:
        """As the device changes one of its own bits, in one byte."""
        self._data[offset] = self._data[offset] & ~mask | (mask if value else 0)

    def snapshot(self) -> bytes:
        return bytes(self._data)

    def restore(self, data: bytes) -> None:
        self._data[:] = data


@dataclass(frozen=True, slots=True)
class Identity:
    """What a function says it is."""

    vendor: int
    device: int
    class_code: int
    """Base class, sub-class and programming interface, as in 0x010000."""
    revision: int = 0
    subsystem_vendor: int = 0
    subsystem: int = 0


@dataclass(slots=True)
class _Bar:
    index: int
    size: int
    registers: Registers
    moved: Callable[[int | None], None]
    mapped: int | None = None


@dataclass(frozen=True, slots=True)
class Watcher:
    """`before_read` and `after_write` run around guest accesses that touch [start, end)."""

    start: int
    end: int
    after_write: Callable[[], None] | None = None
    before_read: Callable[[], None] | None = None


class PciFunction:
    """A type 0 function with memory BARs and a list of capabilities."""

    def __init__(self, identity: Identity, mmio: AddressSpace) -> None:
        self.config = ConfigSpace()
        self._mmio = mmio
        self._bars: list[_Bar] = []
        self._watchers = [
            Watcher(COMMAND, STATUS, self._remap),
            Watcher(_BAR0, _BAR0 + 4 * _BARS, self._remap),
        ]
        self._last_link = _CAPABILITIES
        self._next_capability = _FIRST_CAPABILITY
        self._power_on: bytes | None = None
        self._complained = False
        self._interrupt = False
        self._set_pin: Callable[[bool], None] = lambda _level: None
        declare = self.config.declare
        declare(_VENDOR, identity.vendor, 2)
        declare(_DEVICE, identity.device, 2)
        declare(COMMAND, 0, 2, writable=COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE)
        declare(_REVISION, identity.revision, 1)
        declare(_CLASS, identity.class_code, 3)
        declare(_SUBSYSTEM_VENDOR, identity.subsystem_vendor, 2)
        declare(_SUBSYSTEM, identity.subsystem, 2)

    # declaration

    def add_memory_bar(
        self,
        index: int,
        address: int,
        size: int,
        registers: Registers,
        moved: Callable[[int | None], None],
    ) -> None:
        """A 32-bit BAR; `moved` is told where the registers now are, None while they are nowhere."""
        self.config.declare(_BAR0 + 4 * index, address, 4, writable=0xFFFF_FFFF & ~(size - 1))
        self._bars.append(_Bar(index, size, registers, moved))

    def add_capability(self, identifier: int, body: bytes, writable: bytes = b"") -> int:
        """`body` follows the two bytes of identifier and link; returns the capability's offset."""
        offset = self._next_capability
        self.config.declare(self._last_link, offset, 1)
        self.config.declare(offset, identifier, 1)
        self.config.declare(
            offset + 2,
            int.from_bytes(body, "little"),
            len(body),
            writable=int.from_bytes(writable, "little"),
        )
        self.config.set_bits(STATUS, STATUS_CAPABILITIES, True)
        self._last_link = offset + 1
        self._next_capability = (offset + 2 + len(body) + 3) // 4 * 4
        return offset

    def use_interrupt_pin(self, gsi: int, set_level: Callable[[bool], None]) -> None:
        """Pin A, wired to `gsi`."""
        self.config.declare(_INTERRUPT_LINE, gsi, 1, writable=0xFF)
        self.config.declare(_INTERRUPT_PIN, 1, 1)
        self._set_pin = set_level
        self._watchers.append(Watcher(COMMAND, STATUS, self._update_pin))
        self._watchers.append(Watcher(STATUS, STATUS + 1, before_read=self._update_status))

    @property
    def bus_master(self) -> bool:
        """Whether the function may access memory, which a message-signalled interrupt is as well (6.2.2)."""
        return bool(self.config.read(COMMAND, 2) & COMMAND_MASTER)

    def set_interrupt(self, pending: bool) -> None:
        """The function's level-triggered interrupt; any thread may call this."""
        self._interrupt = pending
        self._update_pin()

    def _update_pin(self) -> None:
        disabled = self.config.read(COMMAND, 2) & COMMAND_INTX_DISABLE
        self._set_pin(self._interrupt and not disabled)

    def _update_status(self) -> None:
        self.config.set_bits(STATUS, STATUS_INTERRUPT, self._interrupt)

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def power_on(self) -> None:
        """The declaration is complete: this is what a reset comes back to."""
        self._power_on = self.config.snapshot()

    def reset(self) -> None:
        if self._power_on is not None:
            self.config.restore(self._power_on)
        self._complained = False
        self.set_interrupt(False)
        self._remap()

    # the guest's side

    def read(self, offset: int, size: int) -> int:
        for watcher in self._watchers:
            if watcher.before_read and offset < watcher.end and watcher.start < offset + size:
                watcher.before_read()
        return self.config.read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self.config.write(offset, size, value)
        for watcher in self._watchers:
            if watcher.after_write and offset < watcher.end and watcher.start < offset + size:
                watcher.after_write()

    def bar_registers(self, index: int, offset: int, size: int) -> Registers | None:
        """The registers behind a BAR, where it reaches that far."""
        for bar in self._bars:
            if bar.index == index and offset + size <= bar.size:
                return bar.registers
        return None

    def _remap(self) -> None:
        enabled = self.config.read(COMMAND, 2) & COMMAND_MEMORY
        for bar in self._bars:
            address = self.config.read(_BAR0 + 4 * bar.index, 4) & ~(bar.size - 1)
            wanted = address if enabled else None
            if wanted != bar.mapped:
                self._move(bar, wanted)

    def _move(self, bar: _Bar, wanted: int | None) -> None:
        if bar.mapped is not None:
            self._mmio.remove(bar.mapped)
            bar.mapped = None
            bar.moved(None)
        if wanted is None:
            return
        try:
            self._mmio.add(wanted, bar.size, bar.registers)
        except BusError as error:
            if not self._complained:
                self._complained = True
                log.warning("the guest put a BAR where it cannot be: %s", error)
            return
        bar.mapped = wanted
        bar.moved(wanted)


class PciBus:
    """Bus 0: up to 32 devices of up to 8 functions, the window for their BARs, and their interrupt pins."""

    def __init__(self, mmio: AddressSpace, irq: Callable[[int], Callable[[bool], None]]) -> None:
        self.mmio = mmio
        self._functions: dict[int, PciFunction] = {}
        self._next_address = MMIO_WINDOW
        self._lines = {gsi: SharedLine(irq(gsi)) for gsi in set(INTX_GSIS)}

    def free_devfn(self) -> int:
        """Function 0 of a slot in which nothing is."""
        taken = {devfn >> 3 for devfn in self._functions}
        slot = next((slot for slot in range(SLOTS) if slot not in taken), None)
        if slot is None:
            raise BusError(f"more than {SLOTS} PCI devices")
        return slot << 3

    def add(self, devfn: int, function: PciFunction, *, multifunction: bool = False) -> None:
        """`multifunction`: a function 0 tells the guest to look for others in its slot."""
        if devfn in self._functions:
            raise BusError(f"PCI function {devfn >> 3:02x}.{devfn & 7} is there twice")
        if multifunction:
            function.config.declare(_HEADER_TYPE, _MULTIFUNCTION, 1)
        function.power_on()
        self._functions[devfn] = function

    def allocate(self, size: int) -> int:
        """Room for a BAR, as a firmware assigns it."""
        address = (self._next_address + size - 1) // size * size
        if address + size > MMIO_WINDOW_END:
            raise BusError("the PCI memory window is full")
        self._next_address = address + size
        return address

    def intx(self, devfn: int) -> tuple[int, Callable[[bool], None]]:
        """The GSI of the slot's pin A, which all of its functions have, and what sets its level."""
        gsi = INTX_GSIS[(devfn >> 3) % len(INTX_GSIS)]
        line = self._lines[gsi]
        return gsi, lambda level: line.set(devfn, level)

    def read(self, devfn: int, offset: int, size: int) -> int:
        function = self._functions.get(devfn)
        if function is None:
            return (1 << 8 * size) - 1
        return function.read(offset, size)

    def write(self, devfn: int, offset: int, size: int, value: int) -> None:
        function = self._functions.get(devfn)
        if function is not None:
            function.write(offset, size, value)


LEVEL_TRIGGERED_GSIS: Final = tuple(sorted(set(INTX_GSIS)))
"""A firmware programs the interrupt controllers for PCI's level-triggered pins."""
