"""The devices' registers, without KVM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.bus.io import AddressSpace, BusError, IoBus
from kvmctl.vmm.chardev import Backlog
from kvmctl.vmm.devices import serial as uart
from kvmctl.vmm.devices.i8042 import I8042
from kvmctl.vmm.devices.platform import PowerRequest, Receiver
from kvmctl.vmm.devices.pm import PowerManagement
from kvmctl.vmm.devices.resetport import ControlPortA, ResetControl
from kvmctl.vmm.devices.rtc import Rtc
from tests.budget import examples


class Host:
    """The host end of a UART."""

    def __init__(self) -> None:
        self.written = b""
        self.offers = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def connect(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def room_again(self) -> None:
        self.offers += 1


class Line:
    """An interrupt line that counts its edges."""

    def __init__(self) -> None:
        self.level = False
        self.edges = 0

    def __call__(self, level: bool) -> None:
        self.edges += level and not self.level
        self.level = level


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def port(host: Host, line: Line) -> uart.Serial:
    return uart.Serial(host, line)


RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)


class TestSerial:
    def test_output(self, port: uart.Serial, host: Host) -> None:
        for byte in b"hi":
            port.write_byte(RBR, byte)
        assert host.written == b"hi"
        assert port.read_byte(LSR) == uart.LSR_THRE | uart.LSR_TEMT

    def test_divisor_and_scratch(self, port: uart.Serial, host: Host) -> None:
        port.write_byte(LCR, 0x83)
        port.write(0, 2, 0x1234)
        assert port.read(0, 2) == 0x1234
        port.write_byte(LCR, 0x03)
        port.write_byte(SCR, 0x5A)
        assert (port.read_byte(SCR), port.read_byte(LCR), port.read_byte(IER)) == (0x5A, 3, 0)
        assert host.written == b""

    def test_without_fifo_one_byte_fits(self, port: uart.Serial) -> None:
        assert port.room() == 1
        port.receive(b"a")
        assert port.room() == 0
        assert port.read_byte(LSR) & uart.LSR_DR
        assert port.read_byte(RBR) == ord("a")
        assert not port.read_byte(LSR) & uart.LSR_DR

    def test_host_is_told_of_room_when_the_fifo_is_empty(self, port: uart.Serial, host: Host) -> None:
        port.write_byte(IIR, 0x01)
        port.receive(b"ab")
        before = host.offers
        port.read_byte(RBR)
        assert host.offers == before
        port.read_byte(RBR)
        assert host.offers == before + 1

    @pytest.mark.parametrize(("fcr", "level"), [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)])
    def test_trigger_level_and_timeout(self, port: uart.Serial, line: Line, fcr: int, level: int) -> None:
        port.write_byte(IIR, fcr)
        port.write_byte(IER, uart.IER_RDA)
        port.receive(bytes(level))
        assert port.read_byte(IIR) == uart.IIR_FIFO_ENABLED | uart.IIR_RDA
        port.read_byte(RBR)
        if level > 1:
            assert port.read_byte(IIR) == uart.IIR_FIFO_ENABLED | uart.IIR_TIMEOUT
        for _ in range(level - 1):
            port.read_byte(RBR)
        assert port.read_byte(IIR) == uart.IIR_FIFO_ENABLED | uart.IIR_NONE
        assert not line.level

    def test_transmit_interrupt(self, port: uart.Serial, line: Line) -> None:
        port.write_byte(IER, uart.IER_THRE)
        assert line.level
        assert port.read_byte(IIR) == uart.IIR_THRE
        assert port.read_byte(IIR) == uart.IIR_NONE
        assert not line.level
        port.write_byte(RBR, 0x41)
        assert (line.level, line.edges) == (True, 2)
        port.write_byte(RBR, 0x42)
        assert line.edges == 3
        port.write_byte(IER, 0)
        assert not line.level

    def test_priority(self, port: uart.Serial) -> None:
        """Line status over data over transmitter over modem status."""
        port.write_byte(IER, 0x0F)
        port.write_byte(MCR, uart.MCR_LOOP)
        port.write_byte(RBR, 1)
        port.write_byte(RBR, 2)  # an overrun: no FIFO
        assert port.read_byte(IIR) == uart.IIR_RLS
        assert port.read_byte(LSR) & uart.LSR_OE
        assert port.read_byte(IIR) == uart.IIR_RDA
        port.read_byte(RBR)
        assert port.read_byte(IIR) == uart.IIR_THRE
        assert port.read_byte(IIR) == uart.IIR_MSI
        port.read_byte(MSR)
        assert port.read_byte(IIR) == uart.IIR_NONE

    def test_loop_back(self, port: uart.Serial, host: Host) -> None:
        port.write_byte(MCR, uart.MCR_LOOP | uart.MCR_RTS | uart.MCR_OUT2)
        assert port.read_byte(MSR) & 0xF0 == uart.MSR_CTS | uart.MSR_DCD
        port.write_byte(RBR, 0x77)
        assert port.read_byte(RBR) == 0x77
        assert host.written == b""
        assert port.room() == 0
        port.write_byte(MCR, 0)
        assert port.read_byte(MSR) & 0xF0 == uart.MSR_CTS | uart.MSR_DSR | uart.MSR_DCD

    def test_fifo_control(self, port: uart.Serial) -> None:
        port.write_byte(IIR, 0xC1)
        port.receive(b"abc")
        port.write_byte(IIR, 0xC3)
        assert not port.read_byte(LSR) & uart.LSR_DR
        port.write_byte(IIR, 0xC0)  # without bit 0: FIFO off, the trigger bits with it
        assert port.read_byte(IIR) == uart.IIR_NONE

    def test_reset(self, port: uart.Serial, line: Line) -> None:
        port.write_byte(IER, 0x0F)
        port.reset()
        assert not line.level
        assert [port.read_byte(register) for register in (IER, IIR, LCR, MCR)] == [0, 1, 0, 0]

    @given(
        st.lists(
            st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, 255)) | st.binary(max_size=20),
            max_size=60,
        )
    )
    def test_any_access_is_harmless(self, steps: list[tuple[bool, int, int] | bytes]) -> None:
        line = Line()
        port = uart.Serial(Host(), line)
        for step in steps:
            if isinstance(step, bytes):
                port.receive(step[: port.room()])
            elif step[0]:
                port.write_byte(step[1], step[2])
            else:
                assert 0 <= port.read_byte(step[1]) <= 0xFF
            assert 0 <= port.room() <= uart.FIFO_SIZE
            assert line.level == (port._cause() != uart.IIR_NONE)


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.delay: float | None = None

    def arm(self, delay: float) -> None:
        self.delay = delay

    def disarm(self) -> None:
        self.delay = None


class Clock:
    """A host clock that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.time = moment.timestamp()

    def __call__(self) -> float:
        return self.time


class RtcBench:
    def __init__(self, moment: datetime = datetime(2024, 2, 29, 23, 59, 58, 250000, UTC)) -> None:
        self.clock = Clock(moment)
        self.line = Line()
        self.timers: list[FakeTimer] = []
        self.rtc = Rtc(self.line, self._timer, now=self.clock, ram_size=5 << 30, vcpus=3)

    def _timer(self, callback: Callable[[], None]) -> FakeTimer:
        self.timers.append(FakeTimer(callback))
        return self.timers[-1]

    def read(self, index: int) -> int:
        self.rtc.write_byte(0, index)
        return self.rtc.read_byte(1)

    def write(self, index: int, value: int) -> None:
        self.rtc.write_byte(0, index)
        self.rtc.write_byte(1, value)

    def fire(self) -> None:
        """Move the clock to where the timer is due."""
        (timer,) = self.timers
        assert timer.delay is not None
        self.clock.time += timer.delay + 1e-6
        timer.callback()


TIME = (0x32, 0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00)


class TestRtc:
    def test_time_in_bcd(self) -> None:
        bench = RtcBench()
        assert [bench.read(index) for index in TIME] == [0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58]
        bench.clock.time += 2
        assert [bench.read(index) for index in TIME] == [0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00]

    def test_binary_and_twelve_hours(self) -> None:
        bench = RtcBench()
        bench.write(0x0B, 0x04)
        assert [bench.read(index) for index in TIME] == [20, 24, 2, 29, 5, 0x80 | 11, 59, 58]
        bench.clock.time += 2
        assert bench.read(0x04) == 12

    def test_setting(self) -> None:
        bench = RtcBench()
        bench.write(0x0B, 0x82)
        for index, value in zip(TIME, (0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59), strict=True):
            bench.write(index, value)
        bench.clock.time += 10
        assert bench.read(0x00) == 0x59
        bench.write(0x0B, 0x02)
        assert bench.read(0x00) == 0x59
        bench.clock.time += 1
        assert [bench.read(index) for index in TIME] == [0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0]

    def test_update_in_progress_precedes_the_second(self) -> None:
        bench = RtcBench()
        assert bench.read(0x0A) == 0x26
        bench.clock.time = int(bench.clock.time) + 0.9999
        assert bench.read(0x0A) == 0xA6
        bench.write(0x0B, 0x82)
        assert bench.read(0x0A) == 0x26

    def test_flags_without_interrupts(self) -> None:
        bench = RtcBench()
        bench.read(0x0C)
        assert bench.read(0x0C) == 0
        bench.clock.time += 1
        assert bench.read(0x0C) == 0x50
        bench.clock.time += 1  # midnight: the alarm registers are zero
        assert bench.read(0x0C) == 0x70
        assert bench.line.edges == 0

    def test_update_interrupt(self) -> None:
        bench = RtcBench()
        bench.write(0x0B, 0x12)
        bench.fire()
        assert bench.line.level
        assert bench.read(0x0C) & 0x90 == 0x90
        assert not bench.line.level
        bench.fire()
        assert bench.line.edges == 2

    def test_alarm_interrupt(self) -> None:
        bench = RtcBench()
        for index, value in ((0x05, 0xFF), (0x03, 0x10), (0x01, 0x05)):
            bench.write(index, value)
        bench.write(0x0B, 0x22)
        bench.fire()
        assert bench.line.level
        assert [bench.read(index) for index in (0x04, 0x02, 0x00)] == [0x00, 0x10, 0x05]
        assert bench.read(0x0C) & 0xA0 == 0xA0

    @pytest.mark.parametrize(("rate", "seconds"), [(6, 1 / 1024), (15, 0.5), (3, 1 / 8192), (1, 1 / 256)])
    def test_periodic_interrupt(self, rate: int, seconds: float) -> None:
        bench = RtcBench()
        bench.write(0x0A, 0x20 | rate)
        bench.write(0x0B, 0x42)
        bench.fire()
        start = bench.clock.time
        assert bench.read(0x0C) & 0xC0 == 0xC0
        bench.fire()
        assert bench.clock.time - start == pytest.approx(seconds, abs=1e-5)

    def test_memory_size(self) -> None:
        bench = RtcBench()
        above_16_mib = bench.read(0x34) | bench.read(0x35) << 8
        assert above_16_mib * 65536 == (3 << 30) - (16 << 20)
        high = bench.read(0x5B) | bench.read(0x5C) << 8 | bench.read(0x5D) << 16
        assert high * 65536 == 2 << 30
        assert bench.read(0x15) | bench.read(0x16) << 8 == 640
        assert bench.read(0x5F) == 2
        assert bench.read(0x0D) == 0x80

    @examples(200)
    @given(
        st.lists(
            st.tuples(st.sampled_from("rwt"), st.integers(0, 255), st.integers(0, 255)),
            max_size=60,
        )
    )
    def test_any_access_is_harmless(self, steps: list[tuple[str, int, int]]) -> None:
        bench = RtcBench()
        for kind, index, value in steps:
            if kind == "w":
                bench.write(index, value)
            elif kind == "r":
                assert 0 <= bench.read(index) <= 0xFF
            else:
                bench.clock.time += value * index / 16
                bench.timers[0].callback()
        bench.write(0x0B, 0x06)  # 24 hours, binary, running
        ranges = ((0, 59), (2, 59), (4, 23), (6, 7), (7, 31), (8, 12), (9, 99), (0x32, 99))
        for index, top in ranges:
            assert 0 <= bench.read(index) <= top


class TestPower:
    def test_i8042_reset_and_self_test(self) -> None:
        requests: list[PowerRequest] = []
        keyboard, mouse = Line(), Line()
        controller = I8042(requests.append, keyboard, mouse)
        controller.write_byte(4, 0xAA)
        assert controller.read_byte(4) & 1
        assert controller.read_byte(0) == 0x55
        assert not controller.read_byte(4) & 1
        controller.write_byte(4, 0xFE)
        assert requests == [PowerRequest.RESET]

    def test_i8042_nothing_is_plugged_in(self) -> None:
        keyboard, mouse = Line(), Line()
        controller = I8042(lambda _: None, keyboard, mouse)
        controller.write_byte(4, 0x60)
        controller.write_byte(0, 0x03)
        controller.write_byte(0, 0xF2)
        assert keyboard.level
        assert controller.read_byte(4) & 0x41 == 0x41
        assert controller.read_byte(0) == 0xFE
        assert not keyboard.level
        controller.write_byte(4, 0xD4)
        controller.write_byte(0, 0xF2)
        assert mouse.level
        assert controller.read_byte(4) & 0x61 == 0x61

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from([0, 4]), st.integers(0, 255)), max_size=80))
    def test_i8042_any_access_is_harmless(self, steps: list[tuple[bool, int, int]]) -> None:
        controller = I8042(lambda _: None, Line(), Line())
        for write, offset, value in steps:
            if write:
                controller.write_byte(offset, value)
            else:
                assert 0 <= controller.read_byte(offset) <= 0xFF

    def test_port_92_resets_on_the_rising_edge(self) -> None:
        requests: list[PowerRequest] = []
        port = ControlPortA(requests.append)
        port.write_byte(0, 0x02)
        assert requests == []
        port.write_byte(0, 0x03)
        assert requests == [PowerRequest.RESET]

    def test_reset_control(self) -> None:
        requests: list[PowerRequest] = []
        port = ResetControl(requests.append)
        port.write_byte(0, 0x02)
        assert (requests, port.read_byte(0)) == ([], 0x02)
        port.write_byte(0, 0x06)
        assert requests == [PowerRequest.RESET]

    def test_s5(self) -> None:
        requests: list[PowerRequest] = []
        pm = PowerManagement(requests.append, lambda _level: None, FakeTimer)
        pm.write(4, 2, 0x3400)
        assert requests == []
        pm.write(4, 2, 0x2000)
        assert requests == [PowerRequest.POWEROFF]
        assert not pm.read(4, 2) & 0x2000


class Recorder:
    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        return 0x1_1223_3445_5667_7889_0 >> offset

    def write(self, offset: int, size: int, value: int) -> None:
        self.writes.append((offset, size, value))


class TestBus:
    def test_dispatch_and_holes(self) -> None:
        bus = IoBus()
        low, high = Recorder(), Recorder()
        bus.ports.add(0x100, 8, low)
        bus.ports.add(0x110, 4, high)
        bus.pio_write(0x102, 2, 0xABCD)
        bus.pio_write(0x113, 1, 1)
        bus.pio_write(0x10C, 4, 7)
        assert low.writes == [(2, 2, 0xABCD)]
        assert high.writes == [(3, 1, 1)]
        assert bus.pio_read(0x50, 4) == 0xFFFF_FFFF
        assert bus.pio_read(0x114, 1) == 0xFF
        assert bus.mmio_read(0xFED0_0000, 8) == (1 << 64) - 1

    def test_access_across_an_end_is_split(self) -> None:
        bus = IoBus()
        device = Recorder()
        bus.ports.add(0x100, 2, device)
        bus.pio_write(0x101, 2, 0xBBAA)
        assert device.writes == [(1, 1, 0xAA)]
        assert bus.pio_read(0x101, 2) >> 8 == 0xFF
        bus.pio_write(0xFF, 2, 0xDDCC)
        assert device.writes[1:] == [(0, 1, 0xDD)]

    @given(
        st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(1, 64)), max_size=30),
        st.integers(0, 0xFFFF),
        st.sampled_from([1, 2, 4]),
    )
    def test_ranges_never_overlap(self, ranges: list[tuple[int, int]], port: int, size: int) -> None:
        space = AddressSpace("port", 0x10000)
        taken: set[int] = set()
        for start, length in ranges:
            wanted = set(range(start, start + length))
            try:
                space.add(start, length, Recorder())
            except BusError:
                assert wanted & taken or start + length > 0x10000
            else:
                assert not wanted & taken
                taken |= wanted
        assert 0 <= space.read(port, size) < 1 << 8 * size
        space.write(port, size, 0)
        for start in [start for start, _, _ in list(space._ranges)]:
            space.remove(start)
        assert space.read(port, 1) == 0xFF


@given(st.integers(1, 50), st.lists(st.binary(min_size=1, max_size=30)))
def test_backlog_keeps_the_newest(limit: int, chunks: list[bytes]) -> None:
    backlog = Backlog(limit)
    for chunk in chunks:
        backlog.append(chunk)
    assert len(backlog) == min(limit, sum(map(len, chunks)))
    assert backlog.take() == b"".join(chunks)[-limit:]
    assert len(backlog) == 0
