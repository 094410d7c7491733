"""A machine's whole board without KVM: every device, with host ends that the fuzzer holds."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from kvmctl import domain as domain_room
from kvmctl.domain import Domain
from kvmctl.vmm.bus.io import IoBus
from kvmctl.vmm.bus.pci import PciBus
from kvmctl.vmm.bus.slots import MmioSlots
from kvmctl.vmm.devices import BOARD
from kvmctl.vmm.devices.platform import Device, Pausable, Platform, Receiver
from kvmctl.vmm.devices.virtio.core import VirtioCore
from kvmctl.vmm.devices.virtio.transport import Transport
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import Handler

MEMORY: Final = 1 << 20
DISK: Final = 1 << 16
_GSIS: Final = (16, 17)
_ROOM: Final = 1 << 14
"""What a character device's host end takes between two readings."""

_DEVICES: Final = """
<disk type='file' device='disk'><driver name='qemu' type='raw' discard='unmap'/><source file='/d'/>
  <target dev='vda' bus='virtio'/><serial>s</serial></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' queues='2'/><source file='/d'/>
  <target dev='vdb' bus='virtio'/><readonly/></disk>
<interface type='ethernet'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
<interface type='user'><backend type='passt'/><mac address='52:54:00:00:00:02'/>
  <model type='virtio'/></interface>
<rng model='virtio'><backend model='random'>/dev/zero</backend></rng>
<controller type='virtio-serial' index='0'/>
<console type='file'><source path='/c'/><target type='virtio' port='0'/></console>
<channel type='file'><source path='/c'/><target type='virtio' name='org.example.0'/></channel>
<memballoon model='virtio' freePageReporting='on' autodeflate='on'/>
<vsock model='virtio'><cid auto='no' address='3'/></vsock>
<serial type='file'><source path='/s'/></serial><serial type='file'><source path='/s'/></serial>
"""
_PC_DEVICES: Final = "<watchdog model='i6300esb' action='reset'/><panic model='isa'/>"


def _domain(machine: str) -> Domain:
    pc = machine != "microvm"
    text = (
        "<domain type='kvm'><name>fuzz</name><memory unit='KiB'>1024</memory><vcpu>2</vcpu>"
        f"<os><type arch='x86_64' machine='{machine}'>hvm</type><kernel>/k</kernel></os>"
        f"<features>{'<acpi/>' if pc else ''}</features>"
        f"<devices>{_DEVICES}{_PC_DEVICES if pc else ''}</devices></domain>"
    )
    parsed = domain_room.with_defaults(domain_room.parse(text))
    return domain_room.with_aliases(domain_room.with_addresses(parsed))


class Wire:
    """The host end of a character device."""

    def __init__(self) -> None:
        self.frontend_open = True
        self.connected = True
        self.written = 0
        self.receiver: Receiver | None = None
        self.changed: Callable[[], None] = lambda: None

    @property
    def full(self) -> bool:
        return self.written > _ROOM

    def watch(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.written += len(data)

    def connect(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def room_again(self) -> None:
        """The fuzzer sends when it likes."""

    def read(self) -> None:
        self.written = 0
        self.changed()

    def type(self, data: bytes) -> None:
        """No more than the device has room for, as a host end is to do."""
        if self.receiver is not None and (room := self.receiver.room()):
            self.receiver.receive(data[:room])


class Clock:
    """A timer that the fuzzer fires."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self.armed = False

    def arm(self, delay: float) -> None:
        assert delay >= 0
        self.armed = True

    def disarm(self) -> None:
        self.armed = False

    def fire(self) -> None:
        if self.armed:
            self.armed = False
            self._callback()


class Vector:
    def route(self, address: int, data: int) -> None:
        assert 0 <= address < 1 << 64 and 0 <= data < 1 << 32

    def signal(self) -> None:
        """Nobody is interrupted."""

    def wire(self, fd: int) -> None:
        """Nobody is interrupted."""

    def unwire(self, fd: int) -> None:
        """Nobody is interrupted."""


class Events:
    """The monitor: commands by name, events are only checked."""

    def __init__(self) -> None:
        self.commands: dict[str, Handler] = {}

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        self.commands[name] = handler

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        assert event.isupper()


class Board:
    """`machine`: as a domain names it. Everything that is open stays open as long as the process."""

    def __init__(self, machine: str) -> None:
        self.domain = _domain(machine)
        self.memory = GuestMemory(MEMORY)
        self.bus = IoBus()
        self.timers: list[Clock] = []
        self.wires: dict[str, Wire] = {}
        self.monitor = Events()
        self.links: dict[str, socket.socket] = {}
        self._descriptors: dict[str, int] = {}
        self.pci = PciBus(self.bus.mmio, _line) if machine != "microvm" else None
        self.platform = Platform(
            domain=self.domain,
            memory=self.memory,
            bus=self.bus,
            pci=self.pci,
            slots=MmioSlots(self.bus.mmio, _line, _GSIS),
            irq=_line,
            msi_vector=Vector,
            ioeventfd=_ioeventfd,
            timer=self._timer,
            power=lambda _request: None,
            chardev=lambda alias: self.wires.setdefault(alias, Wire()),
            descriptor=self._open,
            opened=lambda _alias: None,
            monitor=self.monitor,
        )
        self.devices: list[Device] = [device for attach in BOARD for device in attach(self.platform)]
        self.cores: list[VirtioCore] = [
            cast(Transport, device).core for device in self.devices if hasattr(device, "core")
        ]

    def reset(self) -> None:
        """As the machine does it."""
        for device in self.devices:
            if isinstance(device, Pausable):
                device.pause()
        with self.bus.lock:
            for device in self.devices:
                device.reset()
        self.memory.clear()
        for device in self.devices:
            if isinstance(device, Pausable):
                device.resume()

    def drain(self) -> None:
        """What is on its way between the cards and the host is nobody's any more."""
        ends = [link.fileno() for link in self.links.values()]
        for fd in (*ends, *(self._descriptors[alias] for alias in self.links)):
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while os.read(fd, 1 << 17):
                    pass

    def _timer(self, callback: Callable[[], None]) -> Clock:
        self.timers.append(Clock(callback))
        return self.timers[-1]

    def _open(self, alias: str) -> int:
        if alias not in self._descriptors:
            self._descriptors[alias] = self._opened(alias)
        return self._descriptors[alias]

    def _opened(self, alias: str) -> int:
        kind = alias.rstrip("0123456789")
        if kind == "virtio-disk":
            fd = os.memfd_create(alias)
            os.ftruncate(fd, DISK)
            return fd
        if kind == "net":
            stream = alias.endswith("1")
            ours, theirs = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_STREAM if stream else socket.SOCK_SEQPACKET
            )
            for end in (ours, theirs):
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self.links[alias] = ours
            return theirs.detach()
        if kind == "rng":
            return os.open("/dev/zero", os.O_RDONLY)
        if kind == "vsock":
            self.vsock_path = Path(tempfile.mkdtemp()) / "v"
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(self.vsock_path))
            listening.listen(16)
            return listening.detach()
        assert alias == "vsock0.directory", f"nothing to open for {alias}"
        return os.open(self.vsock_path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _line(_gsi: int) -> Callable[[bool], None]:
    return lambda level: None


def _ioeventfd(fd: int, address: int, length: int, *, match: int | None = None, assign: bool) -> None:
    """KVM's part, which is not here: notifications come through the registers."""
