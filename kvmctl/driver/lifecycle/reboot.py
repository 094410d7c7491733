"""A reboot by the power button: the guest powers off, and its machine is turned on again in place."""

import asyncio
import logging

from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.lifecycle.guest_events import resumed
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.rpc import VirError

log = logging.getLogger(__name__)


def turn_on_again(parts: Parts, domain: DomainObject, run: Run) -> None:
    """The guest has powered off and rests; nobody waits for this."""
    run.reboot = asyncio.create_task(_turn_on(parts, domain, run))


async def _turn_on(parts: Parts, domain: DomainObject, run: Run) -> None:
    async with domain.uninterrupted():
        if domain.run is not run or run.destroying:
            return
        try:
            await domain.execute("system_reset")
            if domain.definition.on_poweroff == "destroy":
                await domain.execute("set-action", shutdown="poweroff")
            run.rebooting = False
            await domain.execute("cont")
            resumed(parts, domain)
            parts.save_status(domain)
        except VirError as error:
            log.error("domain %s: cannot be turned on again: %s", domain.name, error)
            await run.process.stop()
