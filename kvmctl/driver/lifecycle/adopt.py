"""Guests of an earlier daemon: taken over, or cleaned up after."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from kvmctl.domain import Domain
from kvmctl.driver.constants import (
    CrashedReason,
    PausedReason,
    RunningReason,
    ShutdownReason,
    ShutoffReason,
    State,
)
from kvmctl.driver.domain import DomainObject, Run, reason_of
from kvmctl.driver.lifecycle.end import Ending
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.lifecycle.reboot import turn_on_again
from kvmctl.driver.lifecycle.watch import Watcher
from kvmctl.driver.monitor import Monitor, MonitorClosed
from kvmctl.driver.rpc import VirError
from kvmctl.driver.store import Status
from kvmctl.driver.tuning import scope_of
from kvmctl.driver.vmprocess import ProcessIdentity, VmProcess

log = logging.getLogger(__name__)

_ADOPTION_SECONDS = 5.0
_RETRY_SECONDS = 5.0


class Adoption:
    def __init__(self, parts: Parts, ending: Ending, watcher: Watcher) -> None:
        self._parts = parts
        self._ending = ending
        self._watcher = watcher

    async def adopt(self, status: Status) -> None:
        """Take over a guest that an earlier daemon started, or clean up after one that ended meanwhile."""
        live = status.live
        files = self._parts.store.run_files(live)
        domain = self._parts.inventory.match(live)
        if live.id is not None:
            self._parts.inventory.reserve_id(live.id)
        if status.identity is None:
            await self._end_unfinished(live)
            return
        process = VmProcess.adopt(status.identity)
        if process is None:
            log.warning("domain %s: its process ended while no daemon watched", live.name)
            scope_of(live, self._parts.store.paths).remove()
            files.remove()
            if domain is not None:
                domain.set_state(State.SHUTOFF, ShutoffReason.UNKNOWN)
            return
        if domain is None:
            domain = DomainObject(live=live)
            self._parts.inventory.add(domain)
        run = Run(process, rebooting=status.rebooting)
        async with domain.uninterrupted():
            domain.live = live
            domain.run = run
            domain.set_state(status.state, reason_of(status.state, status.reason))
            if status.autodestroy:
                log.info("domain %s: ended with the client that started it", live.name)
                await process.stop()
                await self._ending.finish(domain, run, ShutoffReason.DESTROYED)
                return
            monitor = await self._reconnect(domain, run)
            if monitor is None:
                log.error("domain %s: process %d does not answer", live.name, process.pid)
                run.watcher = asyncio.create_task(self._watch_silent(domain, run))
                return
            log.info("domain %s: adopted process %d", live.name, process.pid)
            self._watcher.follow(domain, run, monitor)
        if run.rebooting and domain.state == State.SHUTDOWN:
            turn_on_again(self._parts, domain, run)

    async def _reconnect(self, domain: DomainObject, run: Run) -> Monitor | None:
        """Talk to an adopted VMM; None when it does not answer."""
        path = self._parts.store.run_files(domain.definition).qmp
        try:
            monitor = await Monitor.connect(path, _ADOPTION_SECONDS)
            answer = await monitor.execute("query-status")
        except (MonitorClosed, TimeoutError, OSError, VirError) as error:
            log.debug("domain %s: no answer: %s", domain.name, error)
            return None
        run.monitor = monitor
        _set_queried_state(domain, run, str(answer.get("status")))
        await _ask_balloon(domain)
        await _ask_channels(domain)
        self._parts.save_status(domain)
        return monitor

    async def _watch_silent(self, domain: DomainObject, run: Run) -> None:
        """Try again and again to reach a VMM that does not answer, until it does or ends."""
        while not await run.process.wait(_RETRY_SECONDS):
            monitor = await self._reconnect(domain, run)
            if monitor is not None:
                await self._watcher.watch(domain, run, monitor)
                return
        async with domain.uninterrupted():
            if domain.run is run:
                await self._ending.finish(domain, run, ShutoffReason.UNKNOWN)

    async def _end_unfinished(self, live: Domain) -> None:
        """A daemon died in the middle of this start: nobody was told that it worked, so it is undone."""
        files = self._parts.store.run_files(live)
        try:
            identity = ProcessIdentity.of(int(files.pid.read_text()))
        except (OSError, ValueError):
            identity = None
        if identity is not None and identity.runs_guest(live.name):
            process = VmProcess.adopt(identity)
            if process is not None:
                await process.stop()
        else:
            await _end_unknown(files.qmp)
        log.warning("domain %s: its unfinished start was undone", live.name)
        scope_of(live, self._parts.store.paths).remove()
        files.remove()


async def _ask_balloon(domain: DomainObject) -> None:
    """What the guest gave back while no daemon was told."""
    try:
        if domain.live is not None and "query-balloon" in await domain.commands():
            actual = int((await domain.execute("query-balloon"))["actual"])
            domain.live = replace(domain.live, current_memory=actual)
    except VirError as error:
        log.debug("domain %s: no answer about its balloon: %s", domain.name, error)


async def _ask_channels(domain: DomainObject) -> None:
    """Which ports the guest opened and closed while no daemon was told; the agent's is one of them."""
    try:
        if domain.live is None or "query-chardev" not in await domain.commands():
            return
        answer = await domain.execute("query-chardev")
        opened = {str(entry["label"]): bool(entry["frontend-open"]) for entry in answer}
    except VirError as error:
        log.debug("domain %s: no answer about its channels: %s", domain.name, error)
        return
    devices = domain.live.devices
    channels = tuple(
        replace(channel, target_state="connected" if opened[channel.alias] else "disconnected")
        if channel.alias in opened
        else channel
        for channel in devices.channels
    )
    domain.live = replace(domain.live, devices=replace(devices, channels=channels))


async def _end_unknown(path: Path) -> None:
    """The daemon died before it could note the process: whoever listens there is it."""
    try:
        monitor = await Monitor.connect(path, _ADOPTION_SECONDS)
    except (MonitorClosed, TimeoutError, OSError):
        return
    try:
        await monitor.execute("quit")
        async for _ in monitor.events():
            pass  # up to the end
    except (MonitorClosed, VirError):
        return
    finally:
        await monitor.close()


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
