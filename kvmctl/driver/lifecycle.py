"""Starting, stopping and everything between, and what a guest's own end means."""

import asyncio
import logging
from contextlib import closing
from dataclasses import replace
from enum import IntEnum

import kvmctl.domain
from kvmctl.domain import Domain
from kvmctl.driver.console import Consoles
from kvmctl.driver.constants import (
    CrashedDetail,
    CrashedReason,
    CreateFlags,
    DefinedDetail,
    LifecycleEvent,
    PausedReason,
    ResumedDetail,
    RunningReason,
    ShutdownDetail,
    ShutdownReason,
    ShutoffReason,
    StartedDetail,
    State,
    StoppedDetail,
    SuspendedDetail,
    UndefinedDetail,
)
from kvmctl.driver.domain import DomainObject, Run, reason_of
from kvmctl.driver.errors import domain_errors, failure, system_failure
from kvmctl.driver.events import EventHub
from kvmctl.driver.inventory import Inventory
from kvmctl.driver.launch import Launched, LogFile, launch
from kvmctl.driver.launcher import Launcher
from kvmctl.driver.monitor import Event, Monitor, MonitorClosed
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.driver.store import Status, Store, check_name
from kvmctl.driver.vmprocess import ProcessIdentity, VmProcess

log = logging.getLogger(__name__)

_GREETING_SECONDS = 60.0
_ADOPTION_SECONDS = 5.0
_RETRY_SECONDS = 5.0

_ENDS: dict[ShutoffReason, StoppedDetail] = {
    ShutoffReason.SHUTDOWN: StoppedDetail.SHUTDOWN,
    ShutoffReason.DESTROYED: StoppedDetail.DESTROYED,
    ShutoffReason.CRASHED: StoppedDetail.CRASHED,
    ShutoffReason.FAILED: StoppedDetail.FAILED,
}


class Lifecycle:
    def __init__(
        self, store: Store, inventory: Inventory, events: EventHub, consoles: Consoles, launcher: Launcher
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._inventory = inventory
        self._events = events
        self._consoles = consoles

    # Definitions

    async def define(self, text: str) -> DomainObject:
        definition = _parse(text)
        while True:
            domain = self._inventory.match(definition)
            if domain is None:
                domain = DomainObject(config=definition)
                self._inventory.add(domain)
                added = True
            else:
                added = not domain.persistent
            async with domain.lock:
                if domain.removed:  # while this call waited for the lock
                    continue
                await self._define(domain, definition, added)
                return domain

    async def _define(self, domain: DomainObject, definition: Domain, added: bool) -> None:
        try:
            await asyncio.to_thread(self._store.save_definition, definition)
        except VirError:
            if added and not domain.active:
                self._inventory.remove(domain)
            raise
        domain.config = definition
        if added:
            await self.save_status(domain)
        detail = DefinedDetail.ADDED if added else DefinedDetail.UPDATED
        self._events.lifecycle(domain, LifecycleEvent.DEFINED, detail)

    async def undefine(self, domain: DomainObject) -> None:
        """A running domain goes on as a transient one."""
        async with domain.lock:
            if not domain.persistent:
                raise failure(ErrorCode.OPERATION_INVALID, "cannot undefine transient domain")
            await asyncio.to_thread(self._store.delete_definition, domain.name)
            domain.autostart = False
            self._events.lifecycle(domain, LifecycleEvent.UNDEFINED, UndefinedDetail.REMOVED)
            if domain.active:
                domain.config = None
                await self.save_status(domain)
            else:
                self._inventory.remove(domain)

    # Start

    async def start(self, domain: DomainObject, flags: CreateFlags) -> None:
        async with domain.lock:
            if domain.active:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is already running")
            if domain.config is None or domain.removed:
                raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching uuid '{domain.uuid}'")
            await self._start(domain, domain.config, flags)

    async def create(self, text: str, flags: CreateFlags) -> DomainObject:
        """Start from XML: a transient domain, or one run of a defined domain with another definition."""
        definition = _parse(text)
        while True:
            domain = self._inventory.match(definition)
            if domain is None:
                domain = DomainObject(live=definition)
                self._inventory.add(domain)
            async with domain.lock:
                if domain.removed:  # while this call waited for the lock
                    continue
                if domain.active:
                    raise failure(ErrorCode.OPERATION_INVALID, f"domain '{domain.name}' is already active")
                await self._start(domain, definition, flags)
                return domain

    async def _start(self, domain: DomainObject, definition: Domain, flags: CreateFlags) -> None:
        numbered = definition
        # The unfinished status tells a next daemon whom to clean up after, should this one die in between.
        try:
            numbered = domain.live = replace(definition, id=self._inventory.allocate_id())
            self._store.save_status(
                Status(numbered, domain.persistent, State.PAUSED, PausedReason.STARTING_UP, None)
            )
            launched = launch(numbered, self._store.paths, self._launcher)
        except BaseException:
            self._forget_run(domain, numbered)
            raise
        domain.live = launched.live
        run = domain.run = Run(launched.process, autodestroy=CreateFlags.AUTODESTROY in flags)
        domain.set_state(State.PAUSED, PausedReason.STARTING_UP)
        try:
            launched.files.pid.write_text(f"{launched.process.pid}\n")
            monitor = run.monitor = await _first_contact(launched)
            if CreateFlags.PAUSED in flags:
                domain.set_state(State.PAUSED, PausedReason.USER)
            else:
                await monitor.execute("cont")
                domain.set_state(State.RUNNING, RunningReason.BOOTED)
            await self.save_status(domain)
        except BaseException as error:
            await launched.process.stop()
            if run.monitor is not None:
                await run.monitor.close()
            domain.run = None
            self._forget_run(domain, launched.live)
            if run.destroying:
                raise failure(
                    ErrorCode.OPERATION_ABORTED, f"domain '{definition.name}' was destroyed while it started"
                ) from error
            if isinstance(error, MonitorClosed | TimeoutError):
                raise failure(
                    ErrorCode.INTERNAL_ERROR,
                    f"cannot start domain '{definition.name}': {_failure_words(launched)}",
                ) from error
            raise
        self._events.lifecycle(domain, LifecycleEvent.STARTED, StartedDetail.BOOTED)
        if domain.state == State.RUNNING:
            self._events.lifecycle(domain, LifecycleEvent.RESUMED, ResumedDetail.UNPAUSED)
        else:
            self._events.lifecycle(domain, LifecycleEvent.SUSPENDED, SuspendedDetail.PAUSED)
        run.watcher = asyncio.create_task(self._watch(domain, run, monitor))

    def _forget_run(self, domain: DomainObject, live: Domain) -> None:
        """Back to how it was before a start that failed."""
        self._store.run_files(live).remove()
        domain.set_state(State.SHUTOFF, ShutoffReason.FAILED)
        if domain.persistent:
            domain.live = None
        else:
            self._inventory.remove(domain)

    # While running

    async def suspend(self, domain: DomainObject) -> None:
        async with domain.lock:
            monitor = domain.require_monitor()
            if domain.state == State.PAUSED:
                return
            if domain.state != State.RUNNING:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            await self._execute(domain, monitor, "stop")
            self._paused(domain, PausedReason.USER)
            await self.save_status(domain)

    async def resume(self, domain: DomainObject) -> None:
        async with domain.lock:
            monitor = domain.require_monitor()
            if domain.state == State.RUNNING:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is already running")
            if domain.state != State.PAUSED:
                raise failure(
                    ErrorCode.OPERATION_INVALID, "the guest has ended; reset it before it can go on"
                )
            await self._execute(domain, monitor, "cont")
            self._resumed(domain)
            await self.save_status(domain)

    async def reset(self, domain: DomainObject) -> None:
        async with domain.lock:
            await self._execute(domain, domain.require_monitor(), "system_reset")

    async def shutdown(self, domain: DomainObject) -> None:
        """Ask the guest to power off, if its machine has something to ask it with."""
        async with domain.lock:
            monitor = domain.require_monitor()
            if domain.state not in (State.RUNNING, State.PAUSED):
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            answer = await self._execute(domain, monitor, "query-commands")
            if "system_powerdown" not in {command["name"] for command in answer}:
                raise failure(
                    ErrorCode.OPERATION_UNSUPPORTED,
                    f"the machine of domain '{domain.name}' has no ACPI power button "
                    "to ask the guest to shut down with; destroy it instead",
                )
            await self._execute(domain, monitor, "system_powerdown")

    async def destroy(self, domain: DomainObject, *, graceful: bool = False) -> None:
        run = domain.run
        if run is not None and domain.reason is PausedReason.STARTING_UP:
            # The start holds the lock; it cleans up and tells its client.
            run.destroying = True
            await run.process.stop()
            async with domain.lock:
                return
        async with domain.lock:
            run = domain.require_run()
            run.destroying = True
            if not await run.process.stop(force=not graceful):
                run.destroying = False
                raise failure(
                    ErrorCode.OPERATION_FAILED,
                    f"failed to terminate process {run.process.pid} of '{domain.name}'",
                )
            await self._finish(domain, run, ShutoffReason.DESTROYED)

    @staticmethod
    async def _execute(domain: DomainObject, monitor: Monitor, command: str) -> list[dict[str, str]]:
        try:
            answer: list[dict[str, str]] = await monitor.execute(command)
        except MonitorClosed as error:
            raise failure(ErrorCode.OPERATION_FAILED, f"domain '{domain.name}' ended meanwhile") from error
        return answer

    # The guest's own doings

    async def _watch(self, domain: DomainObject, run: Run, monitor: Monitor) -> None:
        """Follow a guest's events to its end."""
        async for event in monitor.events():
            log.debug("domain %s: QMP event %s %s", domain.name, event.name, event.data)
            if run.destroying:
                run.shutdown_reason = event.shutdown_reason or run.shutdown_reason
            elif domain.run is run:
                self._on_event(domain, run, event)
                await self.save_status(domain)
        if not run.destroying and not await run.process.wait(5.0):
            log.warning(
                "domain %s: the monitor is closed but process %d goes on", domain.name, run.process.pid
            )
            await run.process.stop()
        async with domain.lock:
            if domain.run is run:
                await self._finish(domain, run, _end_of(run))

    def _on_event(self, domain: DomainObject, run: Run, event: Event) -> None:
        match event.name:
            case "STOP":
                self._paused(domain, PausedReason.UNKNOWN)
            case "RESUME":
                self._resumed(domain)
            case "RESET":
                self._on_reset(domain, run)
            case "SHUTDOWN":
                run.shutdown_reason = event.shutdown_reason
                if not run.panicked:
                    domain.set_state(State.SHUTDOWN, ShutdownReason.UNKNOWN)
                    detail = ShutdownDetail.GUEST if event.data.get("guest") else ShutdownDetail.HOST
                    self._events.lifecycle(domain, LifecycleEvent.SHUTDOWN, detail)
            case "GUEST_PANICKED":
                self._events.lifecycle(domain, LifecycleEvent.CRASHED, CrashedDetail.PANICKED)
                if event.data.get("action") != "run":
                    run.panicked = True
                    domain.set_state(State.CRASHED, CrashedReason.PANICKED)

    def _on_reset(self, domain: DomainObject, run: Run) -> None:
        """A guest that had ended and was kept waits, once reset, to be resumed."""
        self._events.reboot(domain)
        run.panicked, run.shutdown_reason = False, None
        if domain.state in (State.SHUTDOWN, State.CRASHED):
            domain.set_state(State.PAUSED, PausedReason.UNKNOWN)
            self._events.lifecycle(domain, LifecycleEvent.SUSPENDED, SuspendedDetail.PAUSED)

    def _paused(self, domain: DomainObject, reason: PausedReason) -> None:
        """Once by the command's answer and once by the STOP event, whichever comes first."""
        if domain.state == State.RUNNING:
            domain.set_state(State.PAUSED, reason)
            self._events.lifecycle(domain, LifecycleEvent.SUSPENDED, SuspendedDetail.PAUSED)
        elif domain.state == State.PAUSED and domain.reason == PausedReason.UNKNOWN:
            domain.set_state(State.PAUSED, reason)

    def _resumed(self, domain: DomainObject) -> None:
        if domain.state == State.PAUSED:
            domain.set_state(State.RUNNING, RunningReason.UNPAUSED)
            self._events.lifecycle(domain, LifecycleEvent.RESUMED, ResumedDetail.UNPAUSED)

    async def _finish(self, domain: DomainObject, run: Run, reason: ShutoffReason) -> None:
        """The process is gone: clean up and tell. The caller holds the lock."""
        await run.process.wait()
        if run.monitor is not None:
            await run.monitor.close()
        self._consoles.end(domain)
        self._store.run_files(domain.definition).remove()
        name = domain.name
        _note_end(self._store, name, reason)
        domain.run = None
        domain.set_state(State.SHUTOFF, reason)
        if domain.persistent:
            domain.live = None
        else:
            domain.live = replace(domain.definition, id=None)
            self._inventory.remove(domain)
        detail: IntEnum = _ENDS.get(reason, StoppedDetail.FAILED)
        if reason == ShutoffReason.CRASHED and not run.panicked:
            detail = StoppedDetail.FAILED
        self._events.lifecycle(domain, LifecycleEvent.STOPPED, detail)

    # Across the daemon's own lives

    async def save_status(self, domain: DomainObject) -> None:
        run, live = domain.run, domain.live
        if run is None or live is None:
            return
        status = Status(
            live, domain.persistent, domain.state, int(domain.reason), run.process.identity, run.autodestroy
        )
        try:
            self._store.save_status(status)
        except VirError as error:
            log.error("%s", error)

    async def adopt(self, status: Status) -> None:
        """Take over a guest that an earlier daemon started, or clean up after one that ended meanwhile."""
        live = status.live
        files = self._store.run_files(live)
        domain = self._inventory.match(live)
        if live.id is not None:
            self._inventory.reserve_id(live.id)
        if status.identity is None:
            await self._end_unfinished(live)
            return
        process = VmProcess.adopt(status.identity)
        if process is None:
            log.warning("domain %s: its process ended while no daemon watched", live.name)
            files.remove()
            if domain is not None:
                domain.set_state(State.SHUTOFF, ShutoffReason.UNKNOWN)
            return
        if domain is None:
            domain = DomainObject(live=live)
            self._inventory.add(domain)
        run = Run(process)
        async with domain.lock:
            domain.live = live
            domain.run = run
            domain.set_state(status.state, reason_of(status.state, status.reason))
            if status.autodestroy:
                log.info("domain %s: ended with the client that started it", live.name)
                await process.stop()
                await self._finish(domain, run, ShutoffReason.DESTROYED)
                return
            monitor = await self._reconnect(domain, run)
            if monitor is None:
                log.error("domain %s: process %d does not answer", live.name, process.pid)
                run.watcher = asyncio.create_task(self._watch_silent(domain, run))
                return
            log.info("domain %s: adopted process %d", live.name, process.pid)
            run.watcher = asyncio.create_task(self._watch(domain, run, monitor))

    async def _reconnect(self, domain: DomainObject, run: Run) -> Monitor | None:
        """Talk to an adopted VMM; None when it does not answer."""
        path = self._store.run_files(domain.definition).qmp
        try:
            monitor = await Monitor.connect(path, _ADOPTION_SECONDS)
            answer = await monitor.execute("query-status")
        except (MonitorClosed, TimeoutError, OSError, VirError) as error:
            log.debug("domain %s: no answer: %s", domain.name, error)
            return None
        run.monitor = monitor
        self._set_queried_state(domain, run, str(answer.get("status")))
        await self.save_status(domain)
        return monitor

    @staticmethod
    def _set_queried_state(domain: DomainObject, run: Run, status: str) -> None:
        """The VMM's word counts; the stored reason stays when it says nothing new."""
        match status:
            case "running" if domain.state != State.RUNNING:
                domain.set_state(State.RUNNING, RunningReason.UNKNOWN)
            case "paused" | "prelaunch" if domain.state != State.PAUSED:
                domain.set_state(State.PAUSED, PausedReason.UNKNOWN)
            case "shutdown":
                run.shutdown_reason = "guest-shutdown"
                domain.set_state(State.SHUTDOWN, ShutdownReason.UNKNOWN)
            case "guest-panicked" | "internal-error":
                run.panicked = True
                domain.set_state(State.CRASHED, CrashedReason.PANICKED)

    async def _watch_silent(self, domain: DomainObject, run: Run) -> None:
        """Try again and again to reach a VMM that does not answer, until it does or ends."""
        while not await run.process.wait(_RETRY_SECONDS):
            monitor = await self._reconnect(domain, run)
            if monitor is not None:
                await self._watch(domain, run, monitor)
                return
        async with domain.lock:
            if domain.run is run:
                await self._finish(domain, run, ShutoffReason.UNKNOWN)

    async def _end_unfinished(self, live: Domain) -> None:
        """A daemon died in the middle of this start: nobody was told that it worked, so it is undone."""
        files = self._store.run_files(live)
        try:
            identity = ProcessIdentity.of(int(files.pid.read_text()))
        except (OSError, ValueError):
            identity = None
        if identity is not None and identity.runs_guest(live.name):
            process = VmProcess.adopt(identity)
            if process is not None:
                await process.stop()
        log.warning("domain %s: its unfinished start was undone", live.name)
        files.remove()


def _parse(text: str) -> Domain:
    with domain_errors():
        definition = kvmctl.domain.with_defaults(kvmctl.domain.inactive(kvmctl.domain.parse(text)))
    check_name(definition.name)
    return definition


async def _first_contact(launched: Launched) -> Monitor:
    """The greeting, or MonitorClosed as soon as the process ends instead."""
    contact = asyncio.create_task(Monitor.connect(launched.files.qmp, _GREETING_SECONDS))
    end = asyncio.create_task(launched.process.wait())
    try:
        await asyncio.wait({contact, end}, return_when=asyncio.FIRST_COMPLETED)
        if contact.done():
            return contact.result()
        raise MonitorClosed
    except OSError as error:
        raise system_failure(error, "cannot connect to the monitor") from error
    finally:
        end.cancel()
        contact.cancel()
        await asyncio.gather(end, contact, return_exceptions=True)


def _failure_words(launched: Launched) -> str:
    """Why a VMM ended before its guest ran: in its own words if it left any, else by its exit status."""
    status = launched.process.exit_status
    error = launched.log.last_error()
    if error:
        return error
    if not launched.process.ended:
        return "the virtual machine does not answer"
    if status is not None and status < 0:
        return f"the virtual machine was killed by signal {-status}"
    return launched.log.last_line() or "the virtual machine ended without a word"


def _end_of(run: Run) -> ShutoffReason:
    """Why a guest ended, from its last events; an end without a word is a crash of the VMM."""
    if run.panicked or run.shutdown_reason is None:
        return ShutoffReason.CRASHED
    if run.shutdown_reason == "host-error":
        return ShutoffReason.FAILED
    return ShutoffReason.SHUTDOWN


def _note_end(store: Store, name: str, reason: ShutoffReason) -> None:
    try:
        with closing(LogFile(store.paths.domain_log(name))) as file:
            file.note(f"shutting down, reason={reason.name.lower()}")
    except OSError as error:
        log.error("cannot write the log of domain %s: %s", name, error)
