"""The console device with several ports (virtio 1.2, 5.3): consoles, and channels that have names."""

from __future__ import annotations

import logging
import struct
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kvmctl.domain import Chardev, Domain
from kvmctl.domain.model import Channel
from kvmctl.vmm.bus.io import BusError
from kvmctl.vmm.devices.platform import CharBackend, Device, Platform
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.qmp import Monitor

DEVICE_ID: Final = 3
QUEUE_SIZE: Final = 64
MAX_PORTS: Final = 126
"""Each has two queues, and a PCI function of ours has no more interrupts for them."""
_CLASS_SERIAL: Final = 0x07_80_00

F_MULTIPORT: Final = 1 << 1
F_EMERG_WRITE: Final = 1 << 2

_CONFIGURATION: Final = struct.Struct("<HHII")  # columns, rows, max_nr_ports, emerg_wr
_EMERGENCY: Final = 8

# struct virtio_console_control (5.3.6.2)
_CONTROL: Final = struct.Struct("<IHH")
DEVICE_READY: Final = 0
PORT_ADD: Final = 1
PORT_READY: Final = 3
CONSOLE_PORT: Final = 4
PORT_OPEN: Final = 6
PORT_NAME: Final = 7
_GOOD: Final = 1

CONTROL_RECEIVE: Final = 2
CONTROL_TRANSMIT: Final = 3
INPUT_ROOM: Final = 4096
_PIECE: Final = 16 << 10
_MAX_CONTROL: Final = 1024
"""Messages that wait for a driver: it asks for four a port, and has room for them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PortSetup:
    """A port as the domain describes it."""

    number: int
    alias: str
    name: str | None
    is_console: bool
    backend: CharBackend | None


class _Port:
    """The device end of one character device."""

    def __init__(self, console: Console, setup: PortSetup) -> None:
        self.setup = setup
        self.open = False
        """Whether the guest has it open."""
        self.told_connected = False
        self.input = bytearray()
        self.sent = 0
        """How much of the present request from the guest is with the host."""
        self._console = console

    @property
    def connected(self) -> bool:
        """A console is always there to be written to."""
        backend = self.setup.backend
        return self.setup.is_console or (backend is not None and backend.connected)

    def room(self) -> int:
        return self._console.room(self)

    def receive(self, data: bytes) -> None:
        self._console.received(self, data)


class Console:
    """The ports' queues are served by a thread each; the host ends call from the main thread."""

    device_id = DEVICE_ID
    class_code = _CLASS_SERIAL
    features = F_MULTIPORT | F_EMERG_WRITE

    def __init__(self, name: str, monitor: Monitor, ports: Sequence[PortSetup]) -> None:
        self.name = name
        self._monitor = monitor
        self._ports = {setup.number: _Port(self, setup) for setup in ports}
        self._count = max(self._ports, default=0) + 1
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,) * (2 * self._count + 2)
        self._changed = threading.Condition()
        self._messages: deque[bytes] = deque()
        self._ready = False
        self._multiport = False
        self._running = False
        self._complained = False
        for port in self._ports.values():
            backend = port.setup.backend
            if backend is not None:
                backend.frontend_open = False
                backend.connect(port)
                backend.watch(self._backends_changed)

    def configuration(self) -> bytes:
        return _CONFIGURATION.pack(0, 0, self._count, 0)

    def configure(self, offset: int, data: bytes) -> None:
        """A character for the first port from a guest that can do no more than this (5.3.4)."""
        if offset == _EMERGENCY and 0 in self._ports:
            backend = self._ports[0].setup.backend
            if backend is not None:
                backend.write(data[:1])

    def start(self, features: int) -> None:
        with self._changed:
            self._running = True
            self._multiport = bool(features & F_MULTIPORT)
            if not self._multiport and 0 in self._ports:
                self._ports[0].open = True
        self._take_input()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()

    def reset(self) -> None:
        with self._changed:
            self._messages.clear()
            self._ready = False
        for port in self._ports.values():
            port.input.clear()
            port.sent = 0
            port.told_connected = False
            self._set_open(port, False)

    def process(self, queue: int, chain: Chain) -> int:
        if queue == CONTROL_RECEIVE:
            return self._give_message(chain)
        if queue == CONTROL_TRANSMIT:
            self._control(chain)
            return 0
        number = queue // 2 if queue < CONTROL_RECEIVE else queue // 2 - 1
        port = self._ports.get(number)
        if queue % 2:
            if port is not None and port.setup.backend is not None:
                self._transmit(port, port.setup.backend, chain)
            return 0
        return self._give_input(port, chain)

    # data

    def room(self, port: _Port) -> int:
        """What a port takes from its host end: nothing before the guest has opened it."""
        with self._changed:
            return INPUT_ROOM - len(port.input) if port.open and self._running else 0

    def received(self, port: _Port, data: bytes) -> None:
        with self._changed:
            port.input += data
            self._changed.notify_all()

    def _give_input(self, port: _Port | None, chain: Chain) -> int:
        with self._changed:
            while self._running and not (port is not None and port.input):
                self._changed.wait()
            if not self._running or port is None:
                raise Stopped
            done = buffers.scatter(chain.writable, bytes(port.input))
            del port.input[:done]
        if port.setup.backend is not None:
            port.setup.backend.room_again()
        return done

    def _transmit(self, port: _Port, backend: CharBackend, chain: Chain) -> None:
        """A request that a pause has interrupted comes again, and goes on where it was."""
        _, rest = buffers.split(chain.readable, port.sent)
        for buffer in rest:
            for start in range(0, len(buffer), _PIECE):
                with self._changed:
                    while self._running and backend.full:
                        self._changed.wait()
                    if not self._running:
                        raise Stopped
                piece = bytes(buffer[start : start + _PIECE])
                backend.write(piece)
                port.sent += len(piece)
        port.sent = 0

    def _take_input(self) -> None:
        for port in self._ports.values():
            if port.setup.backend is not None:
                port.setup.backend.room_again()

    # control messages (5.3.6.2)

    def _give_message(self, chain: Chain) -> int:
        with self._changed:
            while self._running and not self._messages:
                self._changed.wait()
            if not self._running:
                raise Stopped
            message = self._messages.popleft()
        if buffers.total(chain.writable) < len(message):
            raise QueueError(f"a buffer too small for a control message of {len(message)} bytes")
        return buffers.scatter(chain.writable, message)

    def _control(self, chain: Chain) -> None:
        first, _ = buffers.split(chain.readable, _CONTROL.size)
        data = b"".join(first)
        if len(data) < _CONTROL.size:
            raise QueueError(f"a control message of {len(data)} bytes")
        number, event, value = _CONTROL.unpack(data)
        if event == DEVICE_READY:
            self._device_ready(value == _GOOD)
            return
        port = self._ports.get(number)
        if port is None:
            return
        if event == PORT_READY and value == _GOOD:
            self._port_ready(port)
        elif event == PORT_OPEN:
            self._set_open(port, bool(value))

    def _device_ready(self, good: bool) -> None:
        self._ready = good
        if good:
            for number in sorted(self._ports):
                self._send(number, PORT_ADD, 0)
        elif not self._complained:
            self._complained = True
            log.warning("%s: the guest's driver could not start", self.name)

    def _port_ready(self, port: _Port) -> None:
        number = port.setup.number
        if port.setup.is_console:
            self._send(number, CONSOLE_PORT, 1)
        if port.setup.name is not None:
            self._send(number, PORT_NAME, 1, port.setup.name.encode() + b"\0")
        port.told_connected = port.connected
        if port.told_connected:
            self._send(number, PORT_OPEN, 1)

    def _send(self, number: int, event: int, value: int, more: bytes = b"") -> None:
        with self._changed:
            if len(self._messages) >= _MAX_CONTROL:
                raise QueueError("control messages without end, and no buffer for the answers")
            self._messages.append(_CONTROL.pack(number, event, value) + more)
            self._changed.notify_all()

    def _set_open(self, port: _Port, value: bool) -> None:
        if port.open != value:
            port.open = value
            if port.setup.backend is not None:
                port.setup.backend.frontend_open = value
            if self._multiport:
                self._monitor.emit("VSERPORT_CHANGE", {"id": port.setup.alias, "open": value})
        if value and port.setup.backend is not None:
            port.setup.backend.room_again()

    def _backends_changed(self) -> None:
        """A client has come, gone or read."""
        with self._changed:
            self._changed.notify_all()
            if not self._ready or len(self._messages) >= _MAX_CONTROL // 2:
                return
        for port in self._ports.values():
            if port.connected != port.told_connected:
                port.told_connected = port.connected
                self._send(port.setup.number, PORT_OPEN, int(port.connected))


def attach(platform: Platform) -> list[Device]:
    """A device for every virtio-serial controller of the domain, with the ports that are on it."""
    domain = platform.domain
    controllers = [one for one in domain.devices.controllers if one.type == "virtio-serial"]
    return [
        plug(
            Console(
                controller.alias or f"virtio-serial{controller.index}",
                platform.monitor,
                list(_ports(domain, controller.index or 0, platform)),
            ),
            platform,
            controller.address,
        )
        for controller in controllers
    ]


def _ports(domain: Domain, controller: int, platform: Platform) -> Iterator[PortSetup]:
    consoles = (one for one in domain.devices.consoles if one.target_type == "virtio")
    devices: list[Chardev | Channel] = [*consoles, *domain.devices.channels]
    for device in devices:
        at = device.address
        if at is None or at.controller != controller:
            continue
        number = at.port or 0
        if number >= MAX_PORTS:
            raise BusError(f"{device.alias} is port {number}: a virtio-serial controller has {MAX_PORTS}")
        name = device.target_name if isinstance(device, Channel) else None
        backend = platform.chardev(device.alias or "")
        yield PortSetup(number, device.alias or "", name, isinstance(device, Chardev), backend)
