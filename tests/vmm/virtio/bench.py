"""A virtio device on a bus without KVM, and the driver's end of it."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Sequence
from typing import cast

from kvmctl.domain import Domain
from kvmctl.vmm.bus.io import IoBus
from kvmctl.vmm.bus.pci import COMMAND, COMMAND_MASTER, COMMAND_MEMORY, PciBus
from kvmctl.vmm.bus.slots import MmioSlots
from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.device import VirtioDevice
from kvmctl.vmm.devices.virtio.mmio import VirtioMmio
from kvmctl.vmm.devices.virtio.pci import VirtioPci
from kvmctl.vmm.devices.virtio.queue import Chain
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import Monitor

MEMORY = 0x10000
TABLE, AVAILABLE, USED, DATA = 0x1000, 0x2000, 0x3000, 0x4000
NEEDS_RESET = 64
QUEUES = 2
GSI = 16
ON = COMMAND_MEMORY | COMMAND_MASTER


class Echo:
    """Answers a request with its own bytes, reversed."""

    name = "echo"
    device_id = 63
    class_code = 0xFF0000
    features = 1 << 5
    queue_sizes: Sequence[int] = (16,) * QUEUES

    def __init__(self) -> None:
        self.started_with: int | None = None

    def configuration(self) -> bytes:
        return b"configuration"

    def start(self, features: int) -> None:
        self.started_with = features

    def stop(self) -> None:
        """No request waits."""

    def process(self, queue: int, chain: Chain) -> int:
        data = b"".join(chain.readable)[::-1]
        done = 0
        for buffer in chain.writable:
            part = data[done : done + len(buffer)]
            buffer[: len(part)] = part
            done += len(part)
        return done


class Vector:
    def __init__(self) -> None:
        self.sent = 0

    def route(self, address: int, data: int) -> None:
        """Any message will do."""

    def signal(self) -> None:
        self.sent += 1


class Machine:
    """Memory, buses and interrupt lines."""

    def __init__(self) -> None:
        self.io = IoBus()
        self.levels: dict[int, bool] = {}
        self.vectors: list[Vector] = []
        self.kicks: dict[tuple[int, int | None], int] = {}
        self.memory = GuestMemory(MEMORY)
        self.pci = PciBus(self.io.mmio, self._irq)
        self.slots = MmioSlots(self.io.mmio, self._irq, (GSI, GSI + 1))

    def platform(self, *, pci: bool) -> Platform:
        return Platform(
            domain=cast(Domain, None),
            memory=self.memory,
            bus=self.io,
            pci=self.pci if pci else None,
            slots=self.slots,
            irq=self._irq,
            msi_vector=self._vector,
            ioeventfd=self._ioeventfd,
            timer=cast(Callable[..., object], None),  # type: ignore[arg-type]
            power=lambda _request: None,
            chardev=lambda _alias: None,
            descriptor=lambda _alias: -1,
            opened=lambda _alias: None,
            monitor=cast(Monitor, None),
        )

    def _irq(self, gsi: int) -> Callable[[bool], None]:
        return lambda level: self.levels.update({gsi: level})

    def _vector(self) -> Vector:
        self.vectors.append(Vector())
        return self.vectors[-1]

    def _ioeventfd(
        self, fd: int, address: int, length: int, *, match: int | None = None, assign: bool
    ) -> None:
        assert length == (2 if match is None else 4)
        if assign:
            self.kicks[address, match] = fd
        else:
            assert self.kicks.pop((address, match)) == fd


class DriverEnd(Machine):
    """What a driver does with a device, on either transport."""

    core: VirtioCore
    base: int

    def read(self, offset: int, size: int) -> int:
        return self.io.mmio_read(self.base + offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self.io.mmio_write(self.base + offset, size, value)

    def request(self, data: bytes) -> None:
        self.memory.write(DATA, data)
        write, following = 2, 1
        self.memory.write(TABLE, struct.pack("<QIHH", DATA, len(data), following, 1))
        self.memory.write(TABLE + 16, struct.pack("<QIHH", DATA + 0x100, len(data), write, 0))
        self.memory.write(AVAILABLE, struct.pack("<HHH", 0, 1, 0))

    def close(self) -> None:
        self.core.reset()
        for fd in (self.memory.fd, *(queue.kick_fd for queue in self.core.queues)):
            os.close(fd)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)


class PciBench(DriverEnd):
    def __init__(self, device: VirtioDevice | None = None) -> None:
        super().__init__()
        self.device = Echo()
        self.transport = VirtioPci(device or self.device, self.pci, self.platform(pci=True))
        self.core = self.transport.core
        self.pci.write(0, COMMAND, 2, ON)
        self.base = self.pci.read(0, 0x10, 4)

    @property
    def status(self) -> int:
        return self.read(20, 1)

    def negotiate(self, features: int) -> None:
        self.write(20, 1, 0)
        self.write(20, 1, 3)
        for half in range(2):
            self.write(8, 4, half)
            self.write(12, 4, features >> 32 * half & 0xFFFF_FFFF)
        self.write(20, 1, 11)

    def set_up_queue(self, index: int = 0, size: int = 8, table: int = TABLE) -> None:
        self.write(22, 2, index)
        self.write(24, 2, size)
        for place, address in ((32, table), (40, AVAILABLE), (48, USED)):
            self.write(place, 8, address)
        self.write(28, 2, 1)


class MmioBench(DriverEnd):
    def __init__(self, device: VirtioDevice | None = None) -> None:
        super().__init__()
        self.device = Echo()
        self.transport = VirtioMmio(device or self.device, self.platform(pci=False))
        self.core = self.transport.core
        self.base = self.slots.taken[0].address

    def get(self, register: int) -> int:
        return self.read(register, 4)

    def set(self, register: int, value: int) -> None:
        self.write(register, 4, value)

    @property
    def status(self) -> int:
        return self.get(0x70)

    def negotiate(self, features: int) -> None:
        self.set(0x70, 0)
        self.set(0x70, 3)
        for half in range(2):
            self.set(0x24, half)
            self.set(0x20, features >> 32 * half & 0xFFFF_FFFF)
        self.set(0x70, 11)

    def set_up_queue(self, index: int = 0, size: int = 8, table: int = TABLE) -> None:
        self.set(0x30, index)
        self.set(0x38, size)
        for place, address in ((0x80, table), (0x90, AVAILABLE), (0xA0, USED)):
            self.set(place, address & 0xFFFF_FFFF)
            self.set(place + 4, address >> 32)
        self.set(0x44, 1)
