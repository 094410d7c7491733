"""The watchdog: its registers and timers, and on real KVM what follows when a guest hangs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.bus.io import AddressSpace
from kvmctl.vmm.bus.pci import PciFunction
from kvmctl.vmm.devices import i6300esb
from kvmctl.vmm.devices.i6300esb import (
    CONFIG,
    CONFIG_FAST,
    CONFIG_NO_REBOOT,
    LOCK,
    LOCK_ENABLE,
    LOCK_FREE_RUN,
    LOCK_LOCKED,
    PRELOAD1,
    PRELOAD2,
    RELOAD,
    RELOAD_TIMEOUT,
    RELOAD_TIMER,
    Watchdog,
)
from kvmctl.vmm.devices.platform import PowerRequest
from kvmctl.vmm.qmp import Handler
from tests.guests.flat.build import build
from tests.vmm.conftest import VmmStarter, run_to_end
from tests.vmm.virtio.conftest import FlatGuest as FlatGuest
from tests.vmm.virtio.conftest import run_flat as run_flat

SLOW = 32768 / 33e6


class Bench:
    """Timer, power and monitor are the test's."""

    def __init__(self, action: str = "reset") -> None:
        self.function = PciFunction(i6300esb._IDENTITY, AddressSpace("memory", 1 << 32))
        self.armed: float | None = None
        self.time = 0.0
        self.power: list[PowerRequest] = []
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.device = Watchdog(
            self.function, action, self._timer, self.power.append, self, now=lambda: self.time
        )
        self.function.power_on()

    def _timer(self, callback: Callable[[], None]) -> Bench:
        self.callback = callback
        return self

    def arm(self, delay: float) -> None:
        self.armed = delay

    def disarm(self) -> None:
        self.armed = None

    def command(self, name: str, handler: Handler, arguments: frozenset[str] = frozenset()) -> None:
        raise AssertionError(name)

    def emit(self, event: str, data: Mapping[str, object]) -> None:
        self.events.append((event, data))

    def expire(self) -> None:
        assert self.armed is not None
        self.time += self.armed
        self.armed = None
        self.callback()

    def write(self, offset: int, value: int, size: int = 2) -> None:
        self.device.write(RELOAD, 2, 0x80)
        self.device.write(RELOAD, 2, 0x86)
        self.device.write(offset, size, value)

    def enable(self, more: int = 0) -> None:
        self.function.write(LOCK, 1, LOCK_ENABLE | more)


def test_two_timers_and_then_the_action() -> None:
    bench = Bench()
    bench.write(PRELOAD1, 1000, 4)
    bench.write(PRELOAD2, 2000, 4)
    assert bench.armed is None
    bench.enable()
    assert bench.armed == pytest.approx(1000 * SLOW)
    bench.expire()
    assert bench.armed == pytest.approx(2000 * SLOW)
    assert not bench.power
    bench.expire()
    assert bench.power == [PowerRequest.RESET]
    assert bench.events == [("WATCHDOG", {"action": "reset"})]
    assert bench.armed is None
    assert bench.function.read(LOCK, 1) == 0
    bench.device.reset()
    assert bench.device.read(RELOAD, 2) == RELOAD_TIMEOUT
    bench.write(RELOAD, RELOAD_TIMEOUT)
    assert bench.device.read(RELOAD, 2) == 0


def test_a_guest_that_is_alive() -> None:
    bench = Bench()
    bench.enable()
    first = bench.armed
    bench.expire()
    bench.write(RELOAD, RELOAD_TIMER)
    assert bench.armed == first
    bench.expire()
    assert not bench.power


def test_the_fast_clock() -> None:
    bench = Bench()
    bench.function.write(CONFIG, 2, CONFIG_FAST)
    bench.write(PRELOAD1, 1000, 4)
    bench.enable()
    assert bench.armed == pytest.approx(1000 * 32 / 33e6)


def test_registers_are_locked() -> None:
    bench = Bench()
    bench.device.write(PRELOAD1, 4, 5)
    bench.device.write(RELOAD, 2, 0x86)
    bench.device.write(PRELOAD1, 4, 5)
    bench.enable()
    assert bench.armed == pytest.approx(i6300esb.MAX_PRELOAD * SLOW)


def test_what_is_locked_stays_enabled() -> None:
    bench = Bench()
    bench.enable(LOCK_LOCKED)
    bench.function.write(LOCK, 1, 0)
    assert bench.function.read(LOCK, 1) == LOCK_ENABLE | LOCK_LOCKED
    assert bench.armed is not None


def test_it_can_be_stopped() -> None:
    bench = Bench()
    bench.enable()
    bench.function.write(LOCK, 1, 0)
    assert bench.armed is None


def test_no_reboot() -> None:
    bench = Bench()
    bench.function.write(CONFIG, 2, CONFIG_NO_REBOOT)
    bench.enable()
    bench.expire()
    bench.expire()
    assert bench.armed is None
    bench.function.write(LOCK, 1, 0)
    bench.enable(LOCK_FREE_RUN)
    for _ in range(5):
        bench.expire()
    assert not bench.power
    assert not bench.events


@pytest.mark.parametrize(
    ("action", "requests", "events"),
    [
        ("poweroff", [PowerRequest.POWEROFF], ["WATCHDOG"]),
        ("shutdown", [PowerRequest.POWER_BUTTON], ["WATCHDOG", "POWERDOWN"]),
        ("pause", [PowerRequest.WATCHDOG], ["WATCHDOG"]),
        ("inject-nmi", [PowerRequest.NMI], ["WATCHDOG"]),
        ("none", [], ["WATCHDOG"]),
    ],
)
def test_actions(action: str, requests: list[PowerRequest], events: list[str]) -> None:
    bench = Bench(action)
    bench.enable()
    bench.expire()
    bench.expire()
    assert bench.power == requests
    assert [name for name, _ in bench.events] == events


def test_time_stands_still_with_the_machine() -> None:
    bench = Bench()
    bench.write(PRELOAD1, 1000, 4)
    bench.enable()
    bench.time = 400 * SLOW
    for _ in range(2):
        bench.device.pause()
    assert bench.armed is None
    bench.time += 3600
    bench.device.resume()
    assert bench.armed == pytest.approx(600 * SLOW)
    bench.expire()
    assert bench.armed is not None
    bench.function.write(LOCK, 1, 0)
    bench.device.pause()
    bench.device.resume()
    assert bench.armed is None


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 255), st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1)),
        max_size=50,
    )
)
def test_any_accesses_leave_a_watchdog_that_a_reset_repairs(
    accesses: list[tuple[bool, int, int, int]],
) -> None:
    bench = Bench()
    for memory, offset, size, value in accesses:
        value &= (1 << 8 * size) - 1
        if memory:
            bench.device.write(offset % 16, size, value)
            bench.device.read(offset % 16, size)
        else:
            bench.function.write(offset, size, value)
            bench.function.read(offset, size)
        if bench.armed is not None:
            bench.expire()
    bench.device.reset()
    bench.events.clear()
    bench.enable()
    bench.expire()
    bench.expire()
    assert bench.events == [("WATCHDOG", {"action": "reset"})]


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    yield build("watchdog", tmp_path)


WATCHDOG = "<watchdog model='i6300esb' action='{}'/>"


@pytest.mark.kvm
def test_a_guest_that_hangs_is_reset(hanging: Path, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(hanging, paused=True, devices=WATCHDOG.format("reset"))
    events = run_to_end(vmm)
    assert ("WATCHDOG", {"action": "reset"}) in events
    assert ("RESET", {"guest": True, "reason": "guest-reset"}) in events
    assert vmm.wait() == 0
    assert vmm.output() == "hanging\nPASS\n"


@pytest.mark.kvm
def test_a_guest_that_hangs_is_paused(hanging: Path, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(hanging, devices=WATCHDOG.format("pause"))
    vmm.wait_output("hanging")
    while vmm.execute("query-status")["status"] == "running":
        continue
    assert vmm.execute("query-status") == {"status": "watchdog", "running": False}
    vmm.execute("cont")
    assert vmm.execute("query-status")["running"]


@pytest.mark.kvm
def test_a_guest_that_hangs_is_powered_off(hanging: Path, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(hanging, devices=WATCHDOG.format("poweroff"))
    assert vmm.wait() == 0
    assert vmm.output() == "hanging\n"
