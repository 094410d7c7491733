"""The guest's run state, and what follows when it powers off, resets or crashes.

States and events are QEMU's (qapi/run-state.json), so that a QMP client finds what it knows. All of this
runs on the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from kvmctl.vmm.boot import BootError
from kvmctl.vmm.kvm.system import KvmError
from kvmctl.vmm.machine import GuestEvent, Machine, MachineError
from kvmctl.vmm.memory import GuestMemoryError

if TYPE_CHECKING:
    from kvmctl.domain import Domain

EXIT_ORDERLY: Final = 0
EXIT_FAILED: Final = 1
EXIT_CRASHED: Final = 3

Emit = Callable[[str, Mapping[str, object]], None]

log = logging.getLogger(__name__)


class RunState(Enum):
    PRELAUNCH = "prelaunch"
    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal-error"
    IO_ERROR = "io-error"
    WATCHDOG = "watchdog"
    GUEST_PANICKED = "guest-panicked"


class NeedsReset(Exception):
    """The guest has ended; only a reset lets it run again."""


_ENDED: Final = (RunState.SHUTDOWN, RunState.INTERNAL_ERROR, RunState.GUEST_PANICKED)
_REASONS: Final = {
    GuestEvent.POWEROFF: "guest-shutdown",
    GuestEvent.RESET: "guest-reset",
    GuestEvent.CRASH: "guest-panic",
    GuestEvent.INTERNAL_ERROR: "guest-panic",
}
_STOPS: Final = {GuestEvent.IO_ERROR: RunState.IO_ERROR, GuestEvent.WATCHDOG: RunState.WATCHDOG}
# GuestPanicAction of GUEST_PANICKED
_PANIC_ACTIONS: Final = {"destroy": "poweroff", "restart": "run", "preserve": "pause"}


class Lifecycle:
    """Drives one machine; `finish` is called once, with the exit status, when the process is to end."""

    def __init__(self, machine: Machine, domain: Domain, emit: Emit, finish: Callable[[int], None]) -> None:
        self.state = RunState.PRELAUNCH
        self._machine = machine
        self._policy = {
            GuestEvent.POWEROFF: domain.on_poweroff,
            GuestEvent.RESET: domain.on_reboot,
            GuestEvent.CRASH: domain.on_crash,
            GuestEvent.INTERNAL_ERROR: domain.on_crash,
        }
        self._emit = emit
        self._finish = finish
        self._finished = False

    # what a person or the daemon asks

    def cont(self) -> None:
        if self.state in _ENDED:
            raise NeedsReset("Resetting the Virtual Machine is required")
        if self.state is not RunState.RUNNING:
            self._run()

    def stop(self) -> None:
        if self.state is RunState.RUNNING:
            self._machine.pause()
            self._rest(RunState.PAUSED)

    def reset(self) -> None:
        """From outside: a running guest runs on, any other waits for `cont`."""
        running = self.state is RunState.RUNNING
        if not self._reset_machine():
            return
        self._emit("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
        if running:
            self._machine.run()
        else:
            self.state = RunState.PRELAUNCH

    def set_power_off(self, policy: str) -> None:
        """What follows the guest's power-off from now on, in place of the domain's <on_poweroff>."""
        self._policy[GuestEvent.POWEROFF] = policy

    def inject_nmi(self) -> None:
        running = self.state is RunState.RUNNING
        if running:
            self._machine.pause()
        self._machine.inject_nmi()
        if running:
            self._machine.run()

    def powerdown(self) -> None:
        """Press the power button; what follows is the guest's."""
        self._emit("POWERDOWN", {})
        self._machine.press_power_button()

    def quit(self, reason: str) -> None:
        """End the guest from outside: `reason` is host-qmp-quit or host-signal."""
        if not self._finished:
            self._emit("SHUTDOWN", {"guest": False, "reason": reason})
            self._end(EXIT_ORDERLY)

    # what the guest did

    def guest_stopped(self) -> None:
        """The machine has an event to take: carry out the domain's policy for it."""
        try:
            event = self._machine.take_event()
        except KvmError as error:
            self._fail(str(error))
            return
        if event is None or self._finished:
            return
        if event in _STOPS:
            if self.state is RunState.RUNNING:
                self._rest(_STOPS[event])
            return
        if event is GuestEvent.NMI:
            self._machine.inject_nmi()
            if self.state is RunState.RUNNING:
                self._machine.run()
            return
        crashed = event in (GuestEvent.CRASH, GuestEvent.INTERNAL_ERROR)
        policy = self._policy[event]
        log.info("guest: %s, policy %s", event.value, policy)
        if crashed:
            self._emit("GUEST_PANICKED", {"action": _PANIC_ACTIONS[policy]})
        if policy == "restart":
            self._restart(_REASONS[event])
        elif policy == "preserve":
            self._preserve(event, crashed)
        else:
            self._emit("SHUTDOWN", {"guest": True, "reason": _REASONS[event]})
            self._end(EXIT_CRASHED if crashed else EXIT_ORDERLY)

    def _restart(self, reason: str) -> None:
        running = self.state is RunState.RUNNING
        if self._reset_machine():
            self._emit("RESET", {"guest": True, "reason": reason})
            if running:
                self._machine.run()

    def _preserve(self, event: GuestEvent, crashed: bool) -> None:
        if not crashed:
            self._emit("SHUTDOWN", {"guest": True, "reason": _REASONS[event]})
            self._rest(RunState.SHUTDOWN)
        elif event is GuestEvent.CRASH:
            self._rest(RunState.GUEST_PANICKED)
        else:
            self._rest(RunState.INTERNAL_ERROR)

    # steps

    def _run(self) -> None:
        self.state = RunState.RUNNING
        self._emit("RESUME", {})
        self._machine.run()

    def _rest(self, state: RunState) -> None:
        self.state = state
        self._emit("STOP", {})

    def _reset_machine(self) -> bool:
        try:
            self._machine.reset()
        except (BootError, KvmError, GuestMemoryError, MachineError, OSError) as error:
            self._fail(f"the guest cannot be reset: {error}")
            return False
        return True

    def _fail(self, problem: str) -> None:
        if not self._finished:
            log.error("%s", problem)
            self._emit("SHUTDOWN", {"guest": False, "reason": "host-error"})
            self._end(EXIT_FAILED)

    def _end(self, status: int) -> None:
        self._finished = True
        self._finish(status)
