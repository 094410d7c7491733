"""A guest's own doings, followed to its end."""

import asyncio
import logging
from functools import partial

from kvmctl.driver.constants import ShutoffReason
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.lifecycle.end import Ending, end_of
from kvmctl.driver.lifecycle.guest_events import GuestEvents
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.lifecycle.reboot import turn_on_again
from kvmctl.driver.monitor import Monitor

log = logging.getLogger(__name__)


class Watcher:
    def __init__(self, parts: Parts, ending: Ending) -> None:
        self._parts = parts
        self._ending = ending
        self._guest_events = GuestEvents(parts, partial(turn_on_again, parts))

    def follow(self, domain: DomainObject, run: Run, monitor: Monitor) -> None:
        run.watcher = asyncio.create_task(self.watch(domain, run, monitor))

    async def watch(self, domain: DomainObject, run: Run, monitor: Monitor) -> None:
        async for event in monitor.events():
            log.debug("domain %s: QMP event %s %s", domain.name, event.name, event.data)
            if run.destroying:
                run.shutdown_reason = event.shutdown_reason or run.shutdown_reason
            elif domain.run is run:
                try:
                    await self._guest_events.take(domain, run, event)
                except Exception:
                    log.exception("domain %s: cannot follow QMP event %s", domain.name, event.name)
        if not run.destroying and not await run.process.wait(5.0):
            log.warning(
                "domain %s: the monitor is closed but process %d goes on", domain.name, run.process.pid
            )
            await run.process.stop()
        async with domain.uninterrupted():
            if domain.run is run:
                reason = ShutoffReason.DESTROYED if run.destroying else end_of(run)
                await self._ending.finish(domain, run, reason)
