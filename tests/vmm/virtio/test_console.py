"""The console device: control messages, data both ways, back pressure, and drivers that break the rules."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.platform import Receiver
from kvmctl.vmm.devices.virtio import console
from kvmctl.vmm.devices.virtio.console import Console, PortSetup
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.qmp import Handler

MULTIPORT = console.F_MULTIPORT
AGENT = "org.qemu.guest_agent.0"


class Monitor:
    def __init__(self) -> None:
        self.events: list[tuple[object, object]] = []

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        raise AssertionError(name)

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        assert event == "VSERPORT_CHANGE"
        self.events.append((data["id"], data["open"]))


class Backend:
    """A host end whose client the test plays."""

    def __init__(self) -> None:
        self.frontend_open = True
        self.connected = False
        self.full = False
        self.output = b""
        self.input = b""
        self.receiver: Receiver | None = None
        self.changed: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        self.output += data

    def connect(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def watch(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def room_again(self) -> None:
        assert self.receiver is not None
        room = self.receiver.room()
        if self.input and room:
            data, self.input = self.input[:room], self.input[room:]
            self.receiver.receive(data)

    def client(self, connected: bool) -> None:
        self.connected = connected
        self.changed()


class Bench:
    def __init__(self, features: int = MULTIPORT) -> None:
        self.monitor = Monitor()
        self.tty, self.agent = Backend(), Backend()
        ports = [
            PortSetup(0, "console0", None, True, self.tty),
            PortSetup(2, "channel0", AGENT, False, self.agent),
        ]
        self.device = Console("virtio-serial0", self.monitor, ports)
        self.device.start(features)

    def control(self, number: int, event: int, value: int) -> None:
        data = memoryview(struct.pack("<IHH", number, event, value))
        assert self.device.process(console.CONTROL_TRANSMIT, Chain(0, [data], [])) == 0

    def messages(self) -> list[tuple[int, int, int, bytes]]:
        """Everything that waits for the driver."""
        result = []
        while self.device._messages:
            buffer = bytearray(64)
            done = self.device.process(console.CONTROL_RECEIVE, Chain(0, [], [memoryview(buffer)]))
            result.append((*struct.unpack_from("<IHH", buffer), bytes(buffer[8:done])))
        return result

    def send(self, queue: int, *parts: bytes) -> None:
        assert self.device.process(queue, Chain(0, [memoryview(part) for part in parts], [])) == 0

    def take(self, queue: int, size: int = 64) -> bytes:
        buffer = bytearray(size)
        done = self.device.process(queue, Chain(0, [], [memoryview(buffer)]))
        return bytes(buffer[:done])


def test_the_ports_are_announced_and_named() -> None:
    bench = Bench()
    assert bench.device.configuration() == struct.pack("<HHII", 0, 0, 3, 0)
    assert len(bench.device.queue_sizes) == 8
    bench.control(0xFFFF_FFFF, console.DEVICE_READY, 1)
    assert bench.messages() == [(0, console.PORT_ADD, 0, b""), (2, console.PORT_ADD, 0, b"")]
    bench.control(0, console.PORT_READY, 1)
    assert bench.messages() == [(0, console.CONSOLE_PORT, 1, b""), (0, console.PORT_OPEN, 1, b"")]
    bench.control(2, console.PORT_READY, 1)
    assert bench.messages() == [(2, console.PORT_NAME, 1, AGENT.encode() + b"\0")]
    bench.agent.client(True)
    assert bench.messages() == [(2, console.PORT_OPEN, 1, b"")]
    bench.agent.client(True)
    bench.agent.client(False)
    assert bench.messages() == [(2, console.PORT_OPEN, 0, b"")]


def test_a_port_opened_by_the_guest() -> None:
    bench = Bench()
    bench.agent.input = b"{}"
    bench.agent.room_again()
    assert bench.agent.input == b"{}"
    bench.control(2, console.PORT_OPEN, 1)
    bench.control(2, console.PORT_OPEN, 1)
    assert bench.monitor.events == [("channel0", True)]
    assert bench.agent.frontend_open
    assert bench.take(6) == b"{}"
    bench.device.stop()
    bench.device.reset()
    assert bench.monitor.events[1:] == [("channel0", False)]
    assert not bench.agent.frontend_open


def test_data_both_ways() -> None:
    bench = Bench()
    bench.send(1, b"on ", b"the console")
    assert bench.tty.output == b"on the console"
    bench.control(0, console.PORT_OPEN, 1)
    bench.tty.input = b"typed by a person"
    bench.tty.room_again()
    assert bench.take(0, 5) == b"typed"
    assert bench.take(0) == b" by a person"
    bench.send(7, b"ignored: the port has no device")


def test_a_guest_without_multiport_has_the_first_port() -> None:
    bench = Bench(features=0)
    bench.tty.input = b"x"
    bench.tty.room_again()
    assert bench.take(0) == b"x"
    assert bench.monitor.events == []


def test_what_the_guest_does_not_take_waits_at_the_host() -> None:
    bench = Bench()
    bench.control(0, console.PORT_OPEN, 1)
    bench.tty.input = bytes(range(256)) * 64
    expected = bench.tty.input
    bench.tty.room_again()
    assert len(bench.tty.input) == len(expected) - console.INPUT_ROOM
    taken = b""
    while len(taken) < len(expected):
        taken += bench.take(0, 1000)
    assert taken == expected


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    result: list[object] = []

    def run() -> None:
        try:
            result.append(work())
        except Stopped:
            result.append(Stopped)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def test_a_client_that_does_not_read_holds_the_guest_up() -> None:
    bench = Bench()
    bench.agent.full = True
    thread, result = in_thread(lambda: bench.send(7, b"much"))
    bench.agent.changed()
    time.sleep(0.02)
    assert not result
    assert bench.agent.output == b""
    bench.agent.full = False
    bench.agent.changed()
    thread.join(5)
    assert bench.agent.output == b"much"


def test_a_pause_in_the_middle_of_a_request() -> None:
    bench = Bench()
    written = bench.agent.write

    def write(data: bytes) -> None:
        written(data)
        bench.agent.full = True

    bench.agent.write = write  # type: ignore[method-assign]
    data = bytes(range(256)) * 100
    chain = Chain(0, [memoryview(data[:100]), memoryview(data[100:])], [])
    thread, result = in_thread(lambda: bench.device.process(7, chain))
    while bench.agent.output != data[:100]:
        time.sleep(0.001)
    bench.device.stop()
    thread.join(5)
    assert result == [Stopped]
    bench.agent.write = written  # type: ignore[method-assign]
    bench.agent.full = False
    bench.device.start(MULTIPORT)
    assert bench.device.process(7, chain) == 0
    assert bench.agent.output == data


@pytest.mark.parametrize("queue", [0, 2, 4, 6, 7])
def test_a_stop_ends_every_wait(queue: int) -> None:
    bench = Bench()
    bench.agent.full = True
    chain = Chain(0, [memoryview(b"data")], []) if queue % 2 else Chain(0, [], [memoryview(bytearray(8))])
    thread, result = in_thread(lambda: bench.device.process(queue, chain))
    time.sleep(0.01)
    bench.device.stop()
    thread.join(5)
    assert result == [Stopped]


def test_an_emergency_character() -> None:
    bench = Bench()
    bench.device.configure(8, b"!\0\0\0")
    bench.device.configure(4, b"?")
    assert bench.tty.output == b"!"


def test_messages_that_break_the_rules() -> None:
    bench = Bench()
    with pytest.raises(QueueError):
        bench.device.process(console.CONTROL_TRANSMIT, Chain(0, [memoryview(b"short")], []))
    bench.control(0, console.DEVICE_READY, 1)
    with pytest.raises(QueueError):
        bench.device.process(console.CONTROL_RECEIVE, Chain(0, [], [memoryview(bytearray(4))]))
    with pytest.raises(QueueError):
        for _ in range(2000):
            bench.control(0, console.DEVICE_READY, 1)


MESSAGES = st.tuples(st.integers(0, 2**32 - 1) | st.integers(0, 3), st.integers(0, 9), st.integers(0, 2))


@given(st.lists(MESSAGES))
def test_any_control_messages(messages: list[tuple[int, int, int]]) -> None:
    bench = Bench()
    for number, event, value in messages:
        bench.control(number, event, value)
        bench.messages()
    bench.device.reset()
    assert dict(bench.monitor.events).get("channel0", False) is False
