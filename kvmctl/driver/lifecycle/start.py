"""From a definition to a running guest, or back to where it was."""

import asyncio
from dataclasses import replace

from kvmctl.domain import Domain
from kvmctl.driver.constants import (
    CreateFlags,
    LifecycleEvent,
    PausedReason,
    ResumedDetail,
    RunningReason,
    StartedDetail,
    State,
    SuspendedDetail,
)
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.launch import Launched, launch
from kvmctl.driver.lifecycle.define import parse_definition
from kvmctl.driver.lifecycle.end import Ending
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.lifecycle.watch import Watcher
from kvmctl.driver.monitor import Monitor, MonitorClosed
from kvmctl.driver.rpc import Connection, ErrorCode
from kvmctl.driver.store import Status
from kvmctl.driver.tuning import apply

_GREETING_SECONDS = 60.0


class Starter:
    def __init__(self, parts: Parts, ending: Ending, watcher: Watcher) -> None:
        self._parts = parts
        self._ending = ending
        self._watcher = watcher

    async def start(self, domain: DomainObject, flags: CreateFlags, owner: Connection | None = None) -> None:
        """``owner`` is the client whose guest this is, with VIR_DOMAIN_START_AUTODESTROY."""
        async with domain.job():
            if domain.active:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is already running")
            if domain.config is None or domain.removed:
                raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching uuid '{domain.uuid}'")
            await self._start(domain, domain.config, flags, owner)

    async def create(self, text: str, flags: CreateFlags, owner: Connection | None = None) -> DomainObject:
        """Start from XML: a transient domain, or one run of a defined domain with another definition."""
        definition = parse_definition(text)
        while True:
            domain = self._parts.inventory.match(definition)
            if domain is None:
                domain = DomainObject(live=definition)
                self._parts.inventory.add(domain)
            async with domain.job():
                if domain.removed:  # while this call waited for the lock
                    continue
                if domain.active:
                    raise failure(ErrorCode.OPERATION_INVALID, f"domain '{domain.name}' is already active")
                await self._start(domain, definition, flags, owner)
                return domain

    async def _start(
        self, domain: DomainObject, definition: Domain, flags: CreateFlags, owner: Connection | None
    ) -> None:
        self._refuse_a_second(definition)
        numbered = definition
        # The unfinished status tells a next daemon whom to clean up after, should this one die in between.
        try:
            numbered = domain.live = replace(definition, id=self._parts.inventory.allocate_id())
            self._parts.store.save_status(
                Status(numbered, domain.persistent, State.PAUSED, PausedReason.STARTING_UP, None)
            )
            connected = self._parts.networks.connected(numbered)
            launched = launch(connected, self._parts.store.paths, self._parts.launcher)
        except BaseException:
            self._ending.forget(domain, numbered)
            raise
        domain.live = launched.live
        run = domain.run = Run(launched.process)
        if CreateFlags.AUTODESTROY in flags:
            run.autodestroy, run.owner = True, owner
        domain.set_state(State.PAUSED, PausedReason.STARTING_UP)
        try:
            self._parts.store.save_pid(launched.live, launched.process.pid)
            monitor = run.monitor = await _first_contact(launched)
            await apply(domain, self._parts.store.paths)
            if CreateFlags.PAUSED in flags:
                domain.set_state(State.PAUSED, PausedReason.USER)
            else:
                await monitor.execute("cont")
                domain.set_state(State.RUNNING, RunningReason.BOOTED)
            # Without it the next daemon would take this for a start that was cut off, and end the guest.
            self._parts.write_status(domain)
        except BaseException as error:
            await launched.process.stop()
            if run.monitor is not None:
                await run.monitor.close()
            domain.run = None
            self._ending.forget(domain, launched.live)
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
        self._parts.events.lifecycle(domain, LifecycleEvent.STARTED, StartedDetail.BOOTED)
        if domain.state == State.RUNNING:
            self._parts.events.lifecycle(domain, LifecycleEvent.RESUMED, ResumedDetail.UNPAUSED)
        else:
            self._parts.events.lifecycle(domain, LifecycleEvent.SUSPENDED, SuspendedDetail.PAUSED)
        self._watcher.follow(domain, run, monitor)
        if run.owner is not None and run.owner.gone:
            # Gone before the guest was there to be ended with it.
            run.destroying = True
            await run.process.stop()

    def _refuse_a_second(self, definition: Domain) -> None:
        """A guest whose status file was lost while no daemon ran goes on, unknown to this one."""
        pid = self._parts.store.running_pid(definition)
        if pid is not None:
            raise failure(
                ErrorCode.OPERATION_FAILED,
                f"process {pid} still runs domain '{definition.name}', without its status file: "
                "end that process first",
            )


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
