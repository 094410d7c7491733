"""Virtio over PCI (virtio 1.2, 4.1): a modern device with one memory BAR for all its structures."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable
from typing import Final

from kvmctl.domain.model import Address
from kvmctl.vmm.bus.io import AddressSpace
from kvmctl.vmm.bus.msix import ENTRY_SIZE, Msix, Wire
from kvmctl.vmm.bus.pci import COMMAND, STATUS, Identity, PciBus, PciFunction, Watcher
from kvmctl.vmm.devices.pciaddress import devfn_of
from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.devices.virtio.core import QueueSetup, VirtioCore
from kvmctl.vmm.devices.virtio.device import AnyDevice
from kvmctl.vmm.devices.virtio.registers import Field, FieldRegisters
from kvmctl.vmm.devices.virtio.selection import QueuePart, Selection
from kvmctl.vmm.kvm.system import KvmError

VENDOR: Final = 0x1AF4
FIRST_DEVICE: Final = 0x1040
_REVISION: Final = 1
_SUBSYSTEM: Final = 0x0040

# The BAR: a page for each structure
BAR: Final = 0
BAR_SIZE: Final = 0x8000
COMMON: Final = 0x0000
ISR: Final = 0x1000
DEVICE: Final = 0x2000
NOTIFY: Final = 0x3000
MSIX_TABLE: Final = 0x4000
MSIX_PBA: Final = 0x5000
_PAGE: Final = 0x1000
NOTIFY_MULTIPLIER: Final = 4
_COMMON_SIZE: Final = 64

# struct virtio_pci_cap (4.1.4)
_CAP_VENDOR: Final = 0x09
_CFG_COMMON: Final = 1
_CFG_NOTIFY: Final = 2
_CFG_ISR: Final = 3
_CFG_DEVICE: Final = 4
_CFG_PCI: Final = 5
_CAP_HEADER: Final = struct.Struct("<BBB3xII")  # from cap_len on: cap_len, cfg_type, bar, offset, length
_WINDOW_BAR: Final = 4
_WINDOW_OFFSET: Final = 8
_WINDOW_LENGTH: Final = 12
_WINDOW_DATA: Final = 16

ISR_QUEUE: Final = 1
ISR_CONFIG: Final = 2
NO_VECTOR: Final = 0xFFFF

log = logging.getLogger(__name__)


class VirtioPci:
    """One device as a PCI function."""

    def __init__(
        self, device: AnyDevice, pci: PciBus, platform: Platform, address: Address | None = None
    ) -> None:
        self._ioeventfd = platform.ioeventfd
        self.core = VirtioCore(device, platform.memory, self, bus_master=False)
        self._selection = Selection(self.core)
        self._lock = threading.Lock()
        self._isr = 0
        self._config_vector = NO_VECTOR
        self._queue_vectors = [NO_VECTOR] * len(self.core.queues)
        self._kicks_at: int | None = None
        self._wires: dict[int, Wire] = {}
        self._common = FieldRegisters(self._common_fields())
        devfn = devfn_of(address, pci)
        identity = Identity(
            vendor=VENDOR,
            device=FIRST_DEVICE + device.device_id,
            class_code=device.class_code,
            revision=_REVISION,
            subsystem_vendor=VENDOR,
            subsystem=_SUBSYSTEM + device.device_id,
        )
        self._function = function = PciFunction(identity, platform.bus.mmio)
        function.use_interrupt_pin(*pci.intx(devfn))
        function.watch(Watcher(COMMAND, STATUS, lambda: self.core.set_bus_master(self._function.bus_master)))
        vectors = [platform.msi_vector() for _ in range(len(self.core.queues) + 1)]
        self._msix = Msix(function, vectors, BAR, MSIX_TABLE, MSIX_PBA)
        self._window = 0
        self._add_capabilities()
        registers = AddressSpace(f"{device.name} register", BAR_SIZE)
        registers.add(COMMON, _COMMON_SIZE, self._common)
        registers.add(ISR, 1, FieldRegisters([Field(0, 1, self._read_isr)]))
        registers.add(DEVICE, _PAGE, _DeviceConfiguration(self.core))
        registers.add(NOTIFY, NOTIFY_MULTIPLIER * len(self.core.queues), _Notify(self.core))
        registers.add(MSIX_TABLE, ENTRY_SIZE * len(vectors), self._msix.table)
        registers.add(MSIX_PBA, (len(vectors) + 63) // 64 * 8, self._msix.pba)
        function.add_memory_bar(BAR, pci.allocate(BAR_SIZE), BAR_SIZE, registers, self._moved)
        pci.add(devfn, function, multifunction=bool(address and address.multifunction))

    def reset(self) -> None:
        self.core.reset()
        self._forget()
        self._function.reset()
        self.core.set_bus_master(False)
        self._msix.reset()

    def pause(self) -> None:
        self.core.pause()

    def resume(self) -> None:
        self.core.resume()

    def _forget(self) -> None:
        """What a reset of the device puts back on the transport's side."""
        self._config_vector = NO_VECTOR
        self._queue_vectors = [NO_VECTOR] * len(self.core.queues)
        self._selection.reset()
        with self._lock:
            self._isr = 0
        self._function.set_interrupt(False)

    # interrupts, from any thread

    def queue_used(self, queue: int) -> None:
        self._interrupt(self._queue_vectors[queue], ISR_QUEUE)

    def configuration_changed(self) -> None:
        self._interrupt(self._config_vector, ISR_CONFIG)

    def _interrupt(self, vector: int, reason: int) -> None:
        if self._msix.enabled:
            if vector != NO_VECTOR:
                self._msix.signal(vector)
            return
        with self._lock:
            self._isr |= reason
            self._function.set_interrupt(True)

    def _read_isr(self) -> int:
        """Reading acknowledges (4.1.4.5)."""
        with self._lock:
            value, self._isr = self._isr, 0
            self._function.set_interrupt(False)
        return value

    # the structures' places (4.1.4)

    def _add_capabilities(self) -> None:
        queues = len(self.core.queues)
        self._capability(_CFG_COMMON, COMMON, _COMMON_SIZE)
        self._capability(_CFG_ISR, ISR, 1)
        self._capability(_CFG_DEVICE, DEVICE, _PAGE)
        multiplier = struct.pack("<I", NOTIFY_MULTIPLIER)
        self._capability(_CFG_NOTIFY, NOTIFY, NOTIFY_MULTIPLIER * queues, multiplier)
        self._window = self._capability(_CFG_PCI, 0, 0, bytes(4), writable=True)
        data = self._window + _WINDOW_DATA
        self._function.watch(Watcher(data, data + 4, self._window_write, self._window_read))

    def _capability(
        self, kind: int, offset: int, length: int, more: bytes = b"", *, writable: bool = False
    ) -> int:
        body = _CAP_HEADER.pack(2 + _CAP_HEADER.size + len(more), kind, BAR, offset, length) + more
        mask = b""
        if writable:
            mask = bytes(_WINDOW_BAR - 2) + b"\xff" + bytes(3) + b"\xff" * 12
        return self._function.add_capability(_CAP_VENDOR, body, mask)

    def _window_target(self) -> tuple[int, int, int] | None:
        """The PCI configuration access capability (4.1.4.9): BAR, offset and length of the access."""
        config = self._function.config
        bar = config.read(self._window + _WINDOW_BAR, 1)
        offset = config.read(self._window + _WINDOW_OFFSET, 4)
        length = config.read(self._window + _WINDOW_LENGTH, 4)
        if length not in (1, 2, 4) or offset % length:
            return None
        return bar, offset, length

    def _window_read(self) -> None:
        target = self._window_target()
        if target is not None:
            bar, offset, length = target
            registers = self._function.bar_registers(bar, offset, length)
            if registers is not None:
                value = registers.read(offset, length)
                self._function.config.write(self._window + _WINDOW_DATA, length, value)

    def _window_write(self) -> None:
        target = self._window_target()
        if target is not None:
            bar, offset, length = target
            registers = self._function.bar_registers(bar, offset, length)
            if registers is not None:
                value = self._function.config.read(self._window + _WINDOW_DATA, length)
                registers.write(offset, length, value)

    def _moved(self, address: int | None) -> None:
        """Notifications are to reach the queues' threads without an exit, wherever the BAR is."""
        if self._kicks_at is not None:
            self._set_ioeventfds(self._kicks_at, assign=False)
            self._kicks_at = None
        if address is not None and self._set_ioeventfds(address, assign=True):
            self._kicks_at = address

    def _set_ioeventfds(self, address: int, *, assign: bool) -> bool:
        for index, setup in enumerate(self.core.queues):
            place = address + NOTIFY + NOTIFY_MULTIPLIER * index
            try:
                self._ioeventfd(setup.kick_fd, place, 2, assign=assign)
            except KvmError as error:
                # The same notifications arrive through the register, at the cost of an exit each.
                log.warning("%s: no event descriptor at %#x: %s", self.core.device.name, place, error)
                return False
        return True

    # the common configuration (4.1.4.3)

    def _common_fields(self) -> list[Field]:
        core, selection = self.core, self._selection
        return [
            Field(0, 4, lambda: selection.device_half, selection.select_device_half),
            Field(4, 4, selection.device_features),
            Field(8, 4, lambda: selection.driver_half, selection.select_driver_half),
            Field(12, 4, selection.driver_features, selection.set_driver_features),
            Field(16, 2, lambda: self._config_vector, self._set_config_vector),
            Field(18, 2, lambda: len(core.queues)),
            Field(20, 1, lambda: core.status, self._set_status),
            Field(21, 1, lambda: core.generation & 0xFF),
            Field(22, 2, lambda: selection.queue_index, selection.select_queue),
            Field(24, 2, self._of_queue(lambda queue: queue.size), selection.set_queue_size),
            Field(26, 2, self._read_queue_vector, self._set_queue_vector),
            Field(28, 2, self._of_queue(lambda queue: int(queue.enabled)), self._set_queue_enable),
            Field(30, 2, lambda: 0 if selection.queue is None else selection.queue_index),
            Field(32, 8, self._of_queue(lambda queue: queue.descriptors), self._set_address("descriptors")),
            Field(40, 8, self._of_queue(lambda queue: queue.available), self._set_address("available")),
            Field(48, 8, self._of_queue(lambda queue: queue.used), self._set_address("used")),
        ]

    def _of_queue(self, get: Callable[[QueueSetup], int]) -> Callable[[], int]:
        def read() -> int:
            queue = self._selection.queue
            return 0 if queue is None else get(queue)

        return read

    def _vector(self, value: int) -> int:
        return value if value < len(self._msix) else NO_VECTOR

    def _set_config_vector(self, value: int) -> None:
        self._config_vector = self._vector(value)

    def _read_queue_vector(self) -> int:
        return (
            NO_VECTOR if self._selection.queue is None else self._queue_vectors[self._selection.queue_index]
        )

    def wire(self, queue: int, wire: Wire) -> None:
        self._wires[queue] = wire
        self._rewire(queue)

    def unwire(self, queue: int) -> None:
        wire = self._wires.pop(queue, None)
        if wire is not None:
            self._msix.unwire(wire.fd)

    def _rewire(self, queue: int) -> None:
        wire, vector = self._wires.get(queue), self._queue_vectors[queue]
        if wire is not None:
            self._msix.unwire(wire.fd)
            if vector != NO_VECTOR:
                self._msix.wire(wire, vector)

    def _set_queue_vector(self, value: int) -> None:
        if self._selection.queue is not None:
            self._queue_vectors[self._selection.queue_index] = self._vector(value)
            self._rewire(self._selection.queue_index)

    def _set_status(self, value: int) -> None:
        self.core.set_status(value)
        if value == 0:
            self._forget()

    def _set_queue_enable(self, value: int) -> None:
        if value == 1:
            self._selection.enable_queue()

    def _set_address(self, part: QueuePart) -> Callable[[int], None]:
        return lambda value: self._selection.set_address(part, value)


class _DeviceConfiguration:
    def __init__(self, core: VirtioCore) -> None:
        self._core = core

    def read(self, offset: int, size: int) -> int:
        return self._core.read_configuration(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self._core.write_configuration(offset, size, value)


class _Notify:
    def __init__(self, core: VirtioCore) -> None:
        self._core = core

    def read(self, offset: int, size: int) -> int:
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        self._core.kick(offset // NOTIFY_MULTIPLIER)
