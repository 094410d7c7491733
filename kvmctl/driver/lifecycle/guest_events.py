"""What each QMP event of a guest means for its domain and its clients."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from kvmctl.domain import Disk
from kvmctl.driver.agent import CHANNEL as AGENT_CHANNEL
from kvmctl.driver.constants import (
    AgentReason,
    AgentState,
    CrashedDetail,
    CrashedReason,
    DiskError,
    IoErrorAction,
    LifecycleEvent,
    PausedReason,
    ResumedDetail,
    RunningReason,
    ShutdownDetail,
    ShutdownReason,
    State,
    SuspendedDetail,
    WatchdogAction,
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
            "WATCHDOG": self._on_watchdog,
            "RTC_CHANGE": self._on_rtc_change,
            "BLOCK_IO_ERROR": self._on_io_error,
            "BLOCK_WRITE_THRESHOLD": self._on_threshold,
            "BALLOON_CHANGE": self._on_balloon,
            "VSERPORT_CHANGE": self._on_port,
            "DEVICE_DELETED": self._on_device_deleted,
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

    async def _on_watchdog(self, domain: DomainObject, run: Run, data: Data) -> None:
        action = _WATCHDOG_ACTIONS.get(str(data.get("action")), WatchdogAction.NONE)
        if action is WatchdogAction.PAUSE:
            run.pause_reason = PausedReason.WATCHDOG
        self._parts.events.watchdog(domain, action)

    async def _on_rtc_change(self, domain: DomainObject, _run: Run, data: Data) -> None:
        self._parts.events.rtc_change(domain, int(data.get("offset", 0)))

    async def _on_io_error(self, domain: DomainObject, run: Run, data: Data) -> None:
        disk = _disk_of(domain, str(data.get("device") or data.get("node-name") or ""))
        if disk is None:
            return
        action = _IO_ERROR_ACTIONS.get(str(data.get("action")), IoErrorAction.NONE)
        reason = ""
        if data.get("nospace"):
            reason = "enospc"
        if action is IoErrorAction.PAUSE:
            run.pause_reason = PausedReason.IOERROR
        run.disk_errors[disk.target] = DiskError.NO_SPACE if reason else DiskError.UNSPEC
        self._parts.events.io_error(domain, disk.source or "", disk.alias or "", action, reason)

    async def _on_threshold(self, domain: DomainObject, _run: Run, data: Data) -> None:
        disk = _disk_of(domain, str(data.get("node-name", "")))
        if disk is not None:
            self._parts.events.block_threshold(
                domain,
                disk.target,
                disk.source,
                int(data.get("write-threshold", 0)),
                int(data.get("amount-exceeded", 0)),
            )

    async def _on_balloon(self, domain: DomainObject, _run: Run, data: Data) -> None:
        actual = int(data.get("actual", 0))
        if domain.live is not None:
            domain.live = replace(domain.live, current_memory=actual)
        self._parts.events.balloon_change(domain, actual // 1024)

    async def _on_port(self, domain: DomainObject, _run: Run, data: Data) -> None:
        """The guest has opened or closed a port of its serial controller."""
        if domain.live is None:
            return
        state = "connected" if data.get("open") else "disconnected"
        channels = list(domain.live.devices.channels)
        for index, channel in enumerate(channels):
            if channel.alias is None or channel.alias != data.get("id"):
                continue
            channels[index] = replace(channel, target_state=state)
            if channel.target_name == AGENT_CHANNEL and channel.target_state != state:
                self._parts.events.agent_lifecycle(domain, AgentState[state.upper()], AgentReason.CHANNEL)
        devices = replace(domain.live.devices, channels=tuple(channels))
        domain.live = replace(domain.live, devices=devices)

    async def _on_device_deleted(self, domain: DomainObject, _run: Run, data: Data) -> None:
        alias = data.get("device")
        if alias:
            self._parts.events.device_removed(domain, str(alias))


_WATCHDOG_ACTIONS = {
    "none": WatchdogAction.NONE,
    "pause": WatchdogAction.PAUSE,
    "reset": WatchdogAction.RESET,
    "poweroff": WatchdogAction.POWEROFF,
    "shutdown": WatchdogAction.SHUTDOWN,
    "debug": WatchdogAction.DEBUG,
    "inject-nmi": WatchdogAction.INJECTNMI,
}
_IO_ERROR_ACTIONS = {
    "ignore": IoErrorAction.NONE,
    "report": IoErrorAction.REPORT,
    "stop": IoErrorAction.PAUSE,
}


def _disk_of(domain: DomainObject, name: str) -> Disk | None:
    """The disk that an event is about: by its alias, or by QEMU's names made from it."""
    for disk in domain.definition.devices.disks:
        if disk.alias and name in (disk.alias, f"drive-{disk.alias}"):
            return disk
    return None
