"""The driver: all parts of one daemon put together, its start, reload and end."""

import asyncio
import contextlib
import logging
from uuid import UUID

from kvmctl.driver import threads
from kvmctl.driver.console import Consoles
from kvmctl.driver.constants import CreateFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.events import EventHub
from kvmctl.driver.inventory import Inventory
from kvmctl.driver.launcher import Launcher
from kvmctl.driver.lifecycle import Adoption, Control, Definitions, Ending, Parts, Starter, Watcher
from kvmctl.driver.network import Networks
from kvmctl.driver.paths import DRIVER, Paths
from kvmctl.driver.rpc import Connection, VirError, types
from kvmctl.driver.storage import Pools
from kvmctl.driver.store import Status, Store
from kvmctl.host.jail import OPEN, Settings

log = logging.getLogger(__name__)


class Driver:
    def __init__(self, paths: Paths, jail: Settings = OPEN) -> None:
        """`jail` is what guests run in."""
        self.paths = paths
        self.store = Store(paths)
        self.inventory = Inventory(self.store)
        self.events = EventHub()
        self.consoles = Consoles()
        self.launcher = Launcher(jail)
        self.networks = Networks(paths, self.inventory)
        self.storage = Pools(paths)
        self.parts = Parts(
            self.store, self.inventory, self.events, self.consoles, self.launcher, self.networks
        )
        ending = Ending(self.parts)
        watcher = Watcher(self.parts, ending)
        self.definitions = Definitions(self.parts)
        self.starter = Starter(self.parts, ending, watcher)
        self.control = Control(self.parts, ending)
        self._adoption = Adoption(self.parts, ending, watcher)
        self._pump: asyncio.Task[None] | None = None

    @property
    def uri(self) -> str:
        return f"{DRIVER}:///session" if self.paths.session else f"{DRIVER}:///system"

    # For the handlers

    def find(self, reference: types.Domain) -> DomainObject:
        """The domain that a client holds a reference to."""
        return self.inventory.by_uuid(UUID(bytes=reference.uuid), reference.name)

    async def client_gone(self, connection: Connection) -> None:
        """Forget a client's registrations and end the guests that were to live no longer than it."""
        self.events.forget(connection)
        self.networks.events.forget(connection)
        for domain in tuple(self.inventory):
            if domain.run is not None and domain.run.owner is connection:
                try:
                    await self.control.destroy(domain)
                except VirError as error:
                    log.error("cannot end domain '%s' with its client: %s", domain.name, error)

    # The daemon's life

    async def start(self) -> None:
        """Definitions first, then the guests that run already, then those that start with the host."""
        asyncio.get_running_loop().set_default_executor(threads.start())
        self._pump = asyncio.create_task(self.events.pump())
        self.launcher.start()
        self.store.clean_up()
        self.networks.store.prepare()
        self.storage.start()
        self.reload()
        await self.networks.begin()
        await asyncio.gather(*map(self._adopt, self.store.load_statuses()))
        if self.store.first_start_since_boot():
            for domain in self.inventory:
                if domain.autostart and not domain.active:
                    await self._autostart(domain)

    async def _adopt(self, status: Status) -> None:
        try:
            await self._adoption.adopt(status)
        except VirError as error:
            log.error("cannot take over the guest '%s': %s", status.live.name, error)

    async def _autostart(self, domain: DomainObject) -> None:
        try:
            await self.starter.start(domain, CreateFlags(0))
        except VirError as error:
            log.error("cannot autostart domain '%s': %s", domain.name, error)

    def reload(self) -> None:
        """Read the definitions; what is new or changed on disk is taken over, nothing is forgotten."""
        self.networks.reload()
        for definition in self.store.load_definitions():
            try:
                domain = self.inventory.match(definition)
            except VirError as error:
                log.error("ignoring the definition of '%s': %s", definition.name, error)
                continue
            if domain is None:
                domain = DomainObject(config=definition)
                self.inventory.add(domain)
            domain.config = definition
            domain.autostart = self.store.autostart(domain.name)

    async def stop(self) -> None:
        """The daemon ends, the guests go on."""
        self.launcher.close()
        for domain in self.inventory:
            if domain.run is not None:
                if domain.run.watcher is not None:
                    domain.run.watcher.cancel()
                if domain.run.reboot is not None:
                    domain.run.reboot.cancel()
                if domain.run.monitor is not None:
                    await domain.run.monitor.close()
                domain.run.process.release()
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
