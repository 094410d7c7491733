"""MSI-X (PCI Local Bus Specification 3.0, 6.8.2): the capability, the vector table and the pending bits."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kvmctl.vmm.bus.pci import COMMAND, STATUS, PciFunction, Watcher
from kvmctl.vmm.kvm.system import KvmError

CAPABILITY: Final = 0x11
ENTRY_SIZE: Final = 16
_ENABLE: Final = 1 << 15
_FUNCTION_MASK: Final = 1 << 14
_ENTRY: Final = struct.Struct("<QII")
_MASKED: Final = 1

log = logging.getLogger(__name__)


class Vector(Protocol):
    """Delivers one message to the guest."""

    def route(self, address: int, data: int) -> None: ...
    def signal(self) -> None: ...
    def wire(self, fd: int) -> None:
        """Send the message whenever that eventfd is written, too; raises KvmError."""

    def unwire(self, fd: int) -> None: ...


@dataclass(slots=True)
class Wire:
    """An eventfd and who watches it: `relay` says whether its signals are to be passed on by hand."""

    fd: int
    relay: Callable[[bool], None]
    number: int = 0
    connected: bool = False


class Msix:
    """The vectors of one function. `signal` may be called by any thread."""

    def __init__(
        self, function: PciFunction, vectors: Sequence[Vector], bar: int, table_offset: int, pba_offset: int
    ) -> None:
        self._vectors = vectors
        self._function = function
        self._config = function.config
        self._lock = threading.Lock()
        self._table = bytearray(ENTRY_SIZE * len(vectors))
        self._pending: set[int] = set()
        self._live = [False] * len(vectors)
        self._wires: dict[int, Wire] = {}
        self._complained = False
        self.table = _Table(self)
        self.pba = _PendingBits(self)
        body = struct.pack("<HII", len(vectors) - 1, table_offset | bar, pba_offset | bar)
        writable = struct.pack("<H", _ENABLE | _FUNCTION_MASK).ljust(len(body), b"\0")
        offset = function.add_capability(CAPABILITY, body, writable)
        self._control = offset + 2
        function.watch(Watcher(self._control, self._control + 2, self._control_written))
        function.watch(Watcher(COMMAND, STATUS, self._control_written))
        self.reset()

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def enabled(self) -> bool:
        return bool(self._config.read(self._control, 2) & _ENABLE)

    def reset(self) -> None:
        """The table; the function resets the capability."""
        with self._lock:
            self._table[:] = _ENTRY.pack(0, 0, _MASKED) * len(self._vectors)
            self._pending.clear()
            for number in range(len(self._vectors)):
                self._set_live(number, False)

    def signal(self, number: int) -> None:
        """Send the message, or keep it pending while it is masked or the function may not access memory."""
        with self._lock:
            if self._live[number]:
                self._vectors[number].signal()
            elif self.enabled:
                self._pending.add(number)

    def _control_written(self) -> None:
        self._refresh(range(len(self._vectors)))

    def _refresh(self, numbers: range) -> None:
        control = self._config.read(self._control, 2)
        unmasked = bool(control & _ENABLE) and not control & _FUNCTION_MASK
        deliver = unmasked and self._function.bus_master
        with self._lock:
            for number in numbers:
                self._refresh_one(number, deliver)

    def _refresh_one(self, number: int, deliver: bool) -> None:
        address, data, vector_control = _ENTRY.unpack_from(self._table, ENTRY_SIZE * number)
        if not deliver or vector_control & _MASKED:
            self._set_live(number, False)
            return
        try:
            self._vectors[number].route(address, data)
        except KvmError as error:
            if not self._complained:
                self._complained = True
                log.warning("the guest's interrupt message %#x to %#x is refused: %s", data, address, error)
            self._set_live(number, False)
            return
        self._set_live(number, True)
        if number in self._pending:
            self._pending.discard(number)
            self._vectors[number].signal()

    # eventfds of others that are to send messages without us

    def wire(self, wire: Wire, number: int) -> None:
        with self._lock:
            self._wires[wire.fd] = wire
            wire.number = number
            self._connect(wire, self._live[number])

    def unwire(self, fd: int) -> None:
        with self._lock:
            wire = self._wires.pop(fd, None)
            if wire is not None:
                self._connect(wire, False)

    def _set_live(self, number: int, live: bool) -> None:
        if live != self._live[number]:
            self._live[number] = live
            for wire in self._wires.values():
                if wire.number == number:
                    self._connect(wire, live)

    def _connect(self, wire: Wire, live: bool) -> None:
        if live == wire.connected:
            return
        try:
            if live:
                self._vectors[wire.number].wire(wire.fd)
            else:
                self._vectors[wire.number].unwire(wire.fd)
        except KvmError as error:
            log.warning("an interrupt takes the longer way: %s", error)
            return
        wire.connected = live
        wire.relay(not live)

    # the guest's side

    def read_table(self, offset: int, size: int) -> int:
        return int.from_bytes(self._table[offset : offset + size], "little")

    def write_table(self, offset: int, size: int, value: int) -> None:
        end = min(offset + size, len(self._table))
        if offset >= end:
            return
        with self._lock:
            self._table[offset:end] = value.to_bytes(size, "little")[: end - offset]
        self._refresh(range(offset // ENTRY_SIZE, (end - 1) // ENTRY_SIZE + 1))

    def read_pending(self, offset: int, size: int) -> int:
        with self._lock:
            bits = sum(1 << number for number in self._pending)
        return bits >> 8 * offset & (1 << 8 * size) - 1


class _Table:
    def __init__(self, msix: Msix) -> None:
        self._msix = msix

    def read(self, offset: int, size: int) -> int:
        return self._msix.read_table(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self._msix.write_table(offset, size, value)


class _PendingBits:
    """Read-only."""

    def __init__(self, msix: Msix) -> None:
        self._msix = msix

    def read(self, offset: int, size: int) -> int:
        return self._msix.read_pending(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """The guest may not set pending bits."""
