"""What every part of a domain's life works with."""

import logging
from dataclasses import dataclass

from kvmctl.driver.console import Consoles
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.events import EventHub
from kvmctl.driver.inventory import Inventory
from kvmctl.driver.launcher import Launcher
from kvmctl.driver.network import Networks
from kvmctl.driver.rpc import VirError
from kvmctl.driver.store import Status, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    store: Store
    inventory: Inventory
    events: EventHub
    consoles: Consoles
    launcher: Launcher
    networks: Networks

    def save_status(self, domain: DomainObject) -> None:
        """Write down what the next daemon needs to take a running guest over; no running guest, no word."""
        try:
            self.write_status(domain)
        except VirError as error:
            log.error("%s", error)

    def write_status(self, domain: DomainObject) -> None:
        """The same for who has to know that it is written. Raises VirError."""
        run, live = domain.run, domain.live
        if run is None or live is None:
            return
        status = Status(
            live,
            domain.persistent,
            domain.state,
            int(domain.reason),
            run.process.identity,
            run.autodestroy,
            run.rebooting,
        )
        self.store.save_status(status)
