"""What each QMP event of a guest means for its domain and its clients."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kvmctl.driver.constants import (
    CrashedDetail,
    CrashedReason,
    LifecycleEvent,
    PausedReason,
    ResumedDetail,
    RunningReason,
    ShutdownDetail,
    ShutdownReason,
    State,
    SuspendedDetail,
)
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.monitor import Event

Data = Mapping[str, Any]


def paused(parts: Parts, domain: DomainObject, reason: PausedReason) -> None:
    """Once by the command's answer and once by the STOP event, whichever comes first."""
    if domain.state == State.RUNNING:
        domain.set_state(State.PAUSED, reason)
        detail = _SUSPENDED.get(reason, SuspendedDetail.PAUSED)
        parts.events.lifecycle(domain, LifecycleEvent.SUSPENDED, detail)
    elif domain.state == State.PAUSED and domain.reason == PausedReason.UNKNOWN:
        domain.set_state(State.PAUSED, reason)


def resumed(parts: Parts, domain: DomainObject) -> None:
    if domain.state == State.PAUSED:
        domain.set_state(State.RUNNING, RunningReason.UNPAUSED)
        parts.events.lifecycle(domain, LifecycleEvent.RESUMED, ResumedDetail.UNPAUSED)


_SUSPENDED = {
    PausedReason.IOERROR: SuspendedDetail.IOERROR,
    PausedReason.WATCHDOG: SuspendedDetail.WATCHDOG,
}


class GuestEvents:
    """``power_on`` starts a guest anew that has powered off for a reboot."""

    def __init__(self, parts: Parts, power_on: Callable[[DomainObject, Run], None]) -> None:
        self._parts = parts
        self._power_on = power_on
        self._takers: dict[str, Callable[[DomainObject, Run, Data], Awaitable[None]]] = {
            "STOP": self._on_stop,
            "RESUME": self._on_resume,
            "RESET": self._on_reset,
            "SHUTDOWN": self._on_shutdown,
            "GUEST_PANICKED": self._on_panic,
        }

    async def take(self, domain: DomainObject, run: Run, event: Event) -> None:
        taker = self._takers.get(event.name)
        if taker is not None:
            await taker(domain, run, event.data)
            self._parts.save_status(domain)

    async def _on_stop(self, domain: DomainObject, run: Run, _data: Data) -> None:
        reason, run.pause_reason = run.pause_reason, PausedReason.UNKNOWN
        paused(self._parts, domain, reason)

    async def _on_resume(self, domain: DomainObject, _run: Run, _data: Data) -> None:
        resumed(self._parts, domain)

    async def _on_reset(self, domain: DomainObject, run: Run, _data: Data) -> None:
        """A guest that had ended and was kept waits, once reset, to be resumed."""
        self._parts.events.reboot(domain)
        run.panicked, run.shutdown_reason = False, None
        if domain.state in (State.SHUTDOWN, State.CRASHED):
            domain.set_state(State.PAUSED, PausedReason.UNKNOWN)
            if not run.rebooting:
                self._parts.events.lifecycle(domain, LifecycleEvent.SUSPENDED, SuspendedDetail.PAUSED)

    async def _on_shutdown(self, domain: DomainObject, run: Run, data: Data) -> None:
        run.shutdown_reason = str(data.get("reason", "none"))
        if run.panicked:
            return
        domain.set_state(State.SHUTDOWN, ShutdownReason.UNKNOWN)
        if run.rebooting:
            self._power_on(domain, run)
            return
        detail = ShutdownDetail.GUEST if data.get("guest") else ShutdownDetail.HOST
        self._parts.events.lifecycle(domain, LifecycleEvent.SHUTDOWN, detail)

    async def _on_panic(self, domain: DomainObject, run: Run, data: Data) -> None:
        self._parts.events.lifecycle(domain, LifecycleEvent.CRASHED, CrashedDetail.PANICKED)
        if data.get("action") != "run":
            run.panicked = True
            domain.set_state(State.CRASHED, CrashedReason.PANICKED)
