"""What is done once a guest's process is gone."""

import asyncio
import logging
from contextlib import closing
from dataclasses import replace
from enum import IntEnum

from kvmctl.backends import remove_sockets
from kvmctl.domain import Domain
from kvmctl.driver.constants import LifecycleEvent, ShutoffReason, State, StoppedDetail
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.launch import LogFile
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.store import Store
from kvmctl.driver.tuning import scope_of

log = logging.getLogger(__name__)

_ENDS: dict[ShutoffReason, StoppedDetail] = {
    ShutoffReason.SHUTDOWN: StoppedDetail.SHUTDOWN,
    ShutoffReason.DESTROYED: StoppedDetail.DESTROYED,
    ShutoffReason.CRASHED: StoppedDetail.CRASHED,
    ShutoffReason.FAILED: StoppedDetail.FAILED,
}


class Ending:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def finish(self, domain: DomainObject, run: Run, reason: ShutoffReason) -> None:
        """The process is gone: clean up and tell. The caller holds the job."""
        await run.process.wait()
        if run.monitor is not None:
            await run.monitor.close()
        await asyncio.to_thread(scope_of(domain.definition, self._parts.store.paths).remove)
        await asyncio.to_thread(remove_sockets, domain.definition, self._parts.store.paths.run)
        self._parts.consoles.end(domain)
        self._parts.store.run_files(domain.definition).remove()
        _note_end(self._parts.store, domain.name, reason)
        domain.run = None
        domain.set_state(State.SHUTOFF, reason)
        if domain.persistent:
            domain.live = None
        else:
            domain.live = replace(domain.definition, id=None)
            self._parts.inventory.remove(domain)
        detail: IntEnum = _ENDS.get(reason, StoppedDetail.FAILED)
        if reason == ShutoffReason.CRASHED and not run.panicked:
            detail = StoppedDetail.FAILED
        self._parts.events.lifecycle(domain, LifecycleEvent.STOPPED, detail)

    def forget(self, domain: DomainObject, live: Domain) -> None:
        """Back to how it was before a start that failed."""
        scope_of(live, self._parts.store.paths).remove()
        remove_sockets(live, self._parts.store.paths.run)
        self._parts.store.run_files(live).remove()
        domain.set_state(State.SHUTOFF, ShutoffReason.FAILED)
        if domain.persistent:
            domain.live = None
        else:
            self._parts.inventory.remove(domain)


def end_of(run: Run) -> ShutoffReason:
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
