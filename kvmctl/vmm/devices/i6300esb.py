"""The watchdog of Intel's 6300ESB (300641-004, chapter 17): two timers, one after the other.

When the second has run out, and the guest has not forbidden it, the domain's action follows. The events are
QEMU's (qapi/run-state.json, WATCHDOG).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import AddressSpace, BusError
from kvmctl.vmm.bus.pci import Identity, PciFunction, Watcher
from kvmctl.vmm.devices.pciaddress import devfn_of
from kvmctl.vmm.devices.platform import Device, Platform, PowerRequest, Timer
from kvmctl.vmm.qmp import Monitor

_IDENTITY: Final = Identity(vendor=0x8086, device=0x25AB, class_code=0x08_80_00)
BAR_SIZE: Final = 16

# Memory-mapped registers (17.4)
PRELOAD1: Final = 0x00
PRELOAD2: Final = 0x04
RELOAD: Final = 0x0C
RELOAD_TIMER: Final = 1 << 8
RELOAD_TIMEOUT: Final = 1 << 9
UNLOCK: Final = (0x80, 0x86)
"""What is to be written to RELOAD, in this order, before each write to a register."""
MAX_PRELOAD: Final = (1 << 20) - 1

# Configuration space (17.3)
CONFIG: Final = 0x60
CONFIG_NO_REBOOT: Final = 1 << 5
CONFIG_FAST: Final = 1 << 2
_CONFIG_WRITABLE: Final = 0x27
LOCK: Final = 0x68
LOCK_LOCKED: Final = 1 << 0
LOCK_ENABLE: Final = 1 << 1
LOCK_FREE_RUN: Final = 1 << 2
_LOCK_WRITABLE: Final = 0x07

_PCI_HZ: Final = 33_000_000
_SLOW_SHIFT: Final = 15
_FAST_SHIFT: Final = 5

_REQUESTS: Final = {
    "reset": PowerRequest.RESET,
    "poweroff": PowerRequest.POWEROFF,
    "shutdown": PowerRequest.POWER_BUTTON,
    "pause": PowerRequest.WATCHDOG,
    "inject-nmi": PowerRequest.NMI,
}


class Watchdog:
    """Everything here runs under the devices' lock."""

    def __init__(
        self,
        function: PciFunction,
        action: str,
        timer: Callable[[Callable[[], None]], Timer],
        power: Callable[[PowerRequest], None],
        monitor: Monitor,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._function = function
        self._action = action
        self._timer = timer(self._expired)
        self._power = power
        self._monitor = monitor
        self._now = now
        self._timed_out = False
        config = function.config
        config.declare(CONFIG, 0, 2, writable=_CONFIG_WRITABLE)
        config.declare(LOCK, 0, 1, writable=_LOCK_WRITABLE)
        function.watch(Watcher(LOCK, LOCK + 1, self._lock_written))
        self._clear()

    def _clear(self) -> None:
        self._preloads = [MAX_PRELOAD, MAX_PRELOAD]
        self._unlocked = 0
        self._lock = 0
        self._stage = 0
        self._due: float | None = None
        self._left: float | None = None

    def reset(self) -> None:
        """That the watchdog was the reason is remembered: the guest may want to know it."""
        self._timer.disarm()
        self._function.reset()
        self._clear()

    def pause(self) -> None:
        """A guest that stands still is not late."""
        if self._due is not None:
            self._timer.disarm()
            self._left, self._due = max(0.0, self._due - self._now()), None

    def resume(self) -> None:
        if self._left is not None:
            self._arm(self._left)

    # registers

    def read(self, offset: int, size: int) -> int:
        return RELOAD_TIMEOUT if offset == RELOAD and self._timed_out else 0

    def write(self, offset: int, size: int, value: int) -> None:
        if offset == RELOAD and self._unlocked < len(UNLOCK):
            self._unlocked = self._unlocked + 1 if value == UNLOCK[self._unlocked] else 0
            return
        if self._unlocked < len(UNLOCK):
            return
        self._unlocked = 0
        if offset == RELOAD:
            if value & RELOAD_TIMEOUT:
                self._timed_out = False
            if value & RELOAD_TIMER and self._lock & LOCK_ENABLE:
                self._run(0)
        elif offset in (PRELOAD1, PRELOAD2) and size == 4:
            self._preloads[offset // 4] = value & MAX_PRELOAD

    def _lock_written(self) -> None:
        config = self._function.config
        before, after = self._lock, config.read(LOCK, 1)
        if before & LOCK_LOCKED:
            config.write(LOCK, 1, before)
            return
        self._lock = after
        if after & LOCK_ENABLE and not before & LOCK_ENABLE:
            self._run(0)
        elif not after & LOCK_ENABLE:
            self._timer.disarm()
            self._due = self._left = None

    # time

    def _run(self, stage: int) -> None:
        self._stage = stage
        fast = self._function.config.read(CONFIG, 2) & CONFIG_FAST
        shift = _FAST_SHIFT if fast else _SLOW_SHIFT
        self._arm((self._preloads[stage] << shift) / _PCI_HZ)

    def _arm(self, delay: float) -> None:
        self._left = None
        self._due = self._now() + delay
        self._timer.arm(delay)

    def _expired(self) -> None:
        self._due = None
        if self._stage == 0:
            self._run(1)
        elif self._function.config.read(CONFIG, 2) & CONFIG_NO_REBOOT:
            if self._lock & LOCK_FREE_RUN:
                self._run(0)
        else:
            self._act()

    def _act(self) -> None:
        self._timed_out = True
        self._monitor.emit("WATCHDOG", {"action": self._action})
        if self._action == "shutdown":
            self._monitor.emit("POWERDOWN", {})
        # It bites once; the guest's driver starts it again.
        self._function.config.write(LOCK, 1, 0)
        self._clear()
        request = _REQUESTS.get(self._action)
        if request is not None:
            self._power(request)


def attach(platform: Platform) -> list[Device]:
    watchdog = platform.domain.devices.watchdog
    if watchdog is None:
        return []
    if platform.pci is None:
        raise BusError("the watchdog i6300esb needs PCI, which a microvm has not")
    function = PciFunction(_IDENTITY, platform.bus.mmio)
    device = Watchdog(function, watchdog.action or "reset", platform.timer, platform.power, platform.monitor)
    registers = AddressSpace("watchdog register", BAR_SIZE)
    registers.add(0, BAR_SIZE, device)
    place = platform.pci.allocate(BAR_SIZE)
    function.add_memory_bar(0, place, BAR_SIZE, registers, lambda _address: None)
    address = watchdog.address
    devfn = devfn_of(address, platform.pci)
    platform.pci.add(devfn, function, multifunction=bool(address and address.multifunction))
    return [device]
