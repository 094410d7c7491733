"""Virtio over MMIO (virtio 1.2, 4.2): a page of registers, for machines without PCI."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.device import AnyDevice
from kvmctl.vmm.devices.virtio.selection import QueuePart, Selection
from kvmctl.vmm.kvm.system import KvmError

MAGIC_VALUE: Final = 0x74726976
VERSION_VALUE: Final = 2
VENDOR: Final = 0x4B56_4D43  # "CMVK" in memory

# Register offsets (4.2.2)
MAGIC: Final = 0x000
VERSION: Final = 0x004
DEVICE_ID: Final = 0x008
VENDOR_ID: Final = 0x00C
DEVICE_FEATURES: Final = 0x010
DEVICE_FEATURES_SEL: Final = 0x014
DRIVER_FEATURES: Final = 0x020
DRIVER_FEATURES_SEL: Final = 0x024
QUEUE_SEL: Final = 0x030
QUEUE_NUM_MAX: Final = 0x034
QUEUE_NUM: Final = 0x038
QUEUE_READY: Final = 0x044
QUEUE_NOTIFY: Final = 0x050
INTERRUPT_STATUS: Final = 0x060
INTERRUPT_ACK: Final = 0x064
STATUS: Final = 0x070
QUEUE_DESC: Final = 0x080
QUEUE_DRIVER: Final = 0x090
QUEUE_DEVICE: Final = 0x0A0
SHM_LENGTH: Final = 0x0B0
SHM_BASE: Final = 0x0B8
CONFIG_GENERATION: Final = 0x0FC
CONFIG: Final = 0x100

INTERRUPT_QUEUE: Final = 1
INTERRUPT_CONFIG: Final = 2
_NONE: Final = 0xFFFF_FFFF
_REGISTER: Final = 4

log = logging.getLogger(__name__)


class VirtioMmio:
    """One device in a slot. The registers take aligned accesses of 32 bits only (4.2.2.2)."""

    def __init__(self, device: AnyDevice, platform: Platform) -> None:
        self.core = VirtioCore(device, platform.memory, self, bus_master=True)
        self._device = device
        self._slots = platform.slots
        self._slot = self._slots.take()
        self._selection = Selection(self.core)
        self._lock = threading.Lock()
        self._interrupts = 0
        self._reads = self._read_table()
        self._writes = self._write_table()
        self._slots.map(self._slot, self)
        for index, setup in enumerate(self.core.queues):
            place = self._slot.address + QUEUE_NOTIFY
            try:
                platform.ioeventfd(setup.kick_fd, place, _REGISTER, match=index, assign=True)
            except KvmError as error:
                # The same notifications arrive through the register, at the cost of an exit each.
                log.warning("%s: no event descriptor at %#x: %s", device.name, place, error)
                break

    def reset(self) -> None:
        self.core.reset()
        self._forget()

    def pause(self) -> None:
        self.core.pause()

    def resume(self) -> None:
        self.core.resume()

    def _forget(self) -> None:
        """What a reset of the device puts back on the transport's side."""
        self._selection.reset()
        self._acknowledge(_NONE)

    # interrupts, from any thread

    def queue_used(self, queue: int) -> None:
        self._interrupt(INTERRUPT_QUEUE)

    def configuration_changed(self) -> None:
        self._interrupt(INTERRUPT_CONFIG)

    def _interrupt(self, reason: int) -> None:
        with self._lock:
            self._interrupts |= reason
            self._slots.set_interrupt(self._slot, True)

    def _acknowledge(self, reasons: int) -> None:
        with self._lock:
            self._interrupts &= ~reasons
            if not self._interrupts:
                self._slots.set_interrupt(self._slot, False)

    # registers

    def read(self, offset: int, size: int) -> int:
        if offset >= CONFIG:
            return self.core.read_configuration(offset - CONFIG, size)
        read = self._reads.get(offset) if size == _REGISTER else None
        return 0 if read is None else read()

    def write(self, offset: int, size: int, value: int) -> None:
        if offset >= CONFIG:
            self.core.write_configuration(offset - CONFIG, size, value)
            return
        write = self._writes.get(offset) if size == _REGISTER else None
        if write is not None:
            write(value)

    def _read_table(self) -> dict[int, Callable[[], int]]:
        core, selection = self.core, self._selection
        absent = range(SHM_LENGTH, SHM_BASE + 2 * _REGISTER, _REGISTER)
        return {
            MAGIC: lambda: MAGIC_VALUE,
            VERSION: lambda: VERSION_VALUE,
            DEVICE_ID: lambda: self._device.device_id,
            VENDOR_ID: lambda: VENDOR,
            DEVICE_FEATURES: selection.device_features,
            QUEUE_NUM_MAX: lambda: selection.queue.max_size if selection.queue else 0,
            QUEUE_READY: lambda: int(selection.queue.enabled) if selection.queue else 0,
            INTERRUPT_STATUS: lambda: self._interrupts,
            STATUS: lambda: core.status,
            CONFIG_GENERATION: lambda: core.generation,
            # No device here has shared memory: its length and place are all ones (2.10.2).
            **dict.fromkeys(absent, lambda: _NONE),
        }

    def _write_table(self) -> dict[int, Callable[[int], None]]:
        selection = self._selection
        table: dict[int, Callable[[int], None]] = {
            DEVICE_FEATURES_SEL: selection.select_device_half,
            DRIVER_FEATURES_SEL: selection.select_driver_half,
            DRIVER_FEATURES: selection.set_driver_features,
            QUEUE_SEL: selection.select_queue,
            QUEUE_NUM: selection.set_queue_size,
            QUEUE_READY: self._set_ready,
            QUEUE_NOTIFY: self.core.kick,
            INTERRUPT_ACK: self._acknowledge,
            STATUS: self._set_status,
        }
        places: tuple[tuple[int, QueuePart], ...] = (
            (QUEUE_DESC, "descriptors"),
            (QUEUE_DRIVER, "available"),
            (QUEUE_DEVICE, "used"),
        )
        for offset, part in places:
            for half in range(2):
                table[offset + _REGISTER * half] = self._address_half(part, half)
        return table

    def _address_half(self, part: QueuePart, half: int) -> Callable[[int], None]:
        return lambda value: self._selection.set_address_half(part, half, value)

    def _set_ready(self, value: int) -> None:
        """1 hands the queue over, 0 takes it back (4.2.2.2)."""
        if value == 1:
            self._selection.enable_queue()
        elif value == 0 and self._selection.queue is not None:
            self.core.disable_queue(self._selection.queue_index)

    def _set_status(self, value: int) -> None:
        # Only the low byte is the status; a reset is the writing of zero.
        self.core.set_status(value & 0xFF)
        if value & 0xFF == 0:
            self._forget()
