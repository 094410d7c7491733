"""The networks' life: defined, started, changed, ended, and taken over from an earlier daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import kvmctl.network
from kvmctl.domain import Domain, DomainError, Interface
from kvmctl.driver.errors import failure
from kvmctl.driver.inventory import Inventory
from kvmctl.driver.network import host, update
from kvmctl.driver.network.constants import Event, UpdateFlags
from kvmctl.driver.network.events import NetworkEvents
from kvmctl.driver.network.inventory import NetworkInventory, xml_failure
from kvmctl.driver.network.object import NetworkObject
from kvmctl.driver.network.store import NetworkStatus, NetworkStore
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.host import bridge
from kvmctl.network import Network

log = logging.getLogger(__name__)


class Networks(NetworkInventory):
    def __init__(self, paths: Paths, domains: Inventory) -> None:
        super().__init__()
        self.store = NetworkStore(paths)
        self.events = NetworkEvents()
        self._domains = domains
        self._tasks: set[asyncio.Task[None]] = set()

    # Guests

    def connected(self, domain: Domain) -> Domain:
        """The domain with the bridges of the networks that its interfaces are on. Raises VirError."""
        interfaces = tuple(map(self._connected, domain.devices.interfaces))
        return replace(domain, devices=replace(domain.devices, interfaces=interfaces))

    def _connected(self, interface: Interface) -> Interface:
        if interface.type != "network" or interface.network is None:
            return interface
        live = self.by_name(interface.network).require_active()
        return replace(interface, bridge=live.bridge_name, portid=interface.portid or uuid4())

    def ports(self, network: NetworkObject) -> Iterator[tuple[Domain, Interface]]:
        """The interfaces of running guests that are on it."""
        for domain in self._domains:
            if domain.active and domain.live is not None:
                for interface in domain.live.devices.interfaces:
                    if interface.type == "network" and interface.network == network.name:
                        yield domain.live, interface

    # Definitions

    async def define(self, text: str) -> NetworkObject:
        definition = self.parse(text)
        while True:
            network = self.match(definition)
            if network is None:
                network = NetworkObject(config=definition)
                self.add(network)
            async with network.lock:
                if network.removed:
                    continue
                try:
                    await asyncio.to_thread(self.store.save_definition, definition)
                except VirError:
                    if not network.active:
                        self.remove(network)
                    raise
                network.config = definition
                await self.events.lifecycle(network, Event.DEFINED)
                return network

    async def undefine(self, network: NetworkObject) -> None:
        """A running network goes on as a transient one."""
        async with network.lock:
            if not network.persistent:
                raise failure(ErrorCode.OPERATION_INVALID, "cannot undefine transient network")
            await asyncio.to_thread(self.store.delete_definition, network.name)
            network.autostart = False
            await self.events.lifecycle(network, Event.UNDEFINED)
            if network.active:
                network.config = None
            else:
                self._give_up(network)

    def set_autostart(self, network: NetworkObject, enabled: bool) -> None:
        if not network.persistent:
            raise failure(ErrorCode.OPERATION_INVALID, "cannot set autostart for transient network")
        self.store.set_autostart(network.name, enabled)
        network.autostart = enabled

    # Running

    async def create(self, text: str) -> NetworkObject:
        """Start from XML: a transient network, or one run of a defined one with another definition."""
        definition = self.parse(text)
        while True:
            network = self.match(definition)
            if network is None:
                network = NetworkObject(live=definition)
                self.add(network)
            async with network.lock:
                if network.removed:
                    continue
                if network.active:
                    raise failure(
                        ErrorCode.OPERATION_INVALID, f"network is already active as '{network.name}'"
                    )
                await self._start(network, definition)
                return network

    async def start(self, network: NetworkObject) -> None:
        async with network.lock:
            if network.config is None or network.removed:
                raise failure(ErrorCode.NO_NETWORK, f"no network with matching uuid '{network.uuid}'")
            await self._start(network, network.config)

    async def _start(self, network: NetworkObject, definition: Network) -> None:
        if network.active:
            raise failure(ErrorCode.OPERATION_INVALID, "network is already active")
        files = self.store.files
        try:
            # Looked at before anything says that the bridge is ours to take down.
            host.check_free(definition)
            # The unfinished status tells a next daemon what to take down, should this one end in between.
            self.store.save_status(NetworkStatus(definition, finished=False))
            network.dnsmasq = await asyncio.to_thread(host.bring_up, definition, network.uuid, files)
            try:
                self.store.save_status(NetworkStatus(definition, True, network.dnsmasq))
            except VirError:
                await asyncio.to_thread(host.take_down, definition, network.uuid, files)
                raise
        except Exception:
            files.remove_run_files(definition.name)
            network.live = None
            if not network.persistent:
                self.remove(network)
            raise
        network.live, network.active = definition, True
        await self.events.lifecycle(network, Event.STARTED)

    async def destroy(self, network: NetworkObject) -> None:
        async with network.lock:
            live = network.require_active()
            await asyncio.to_thread(host.take_down, live, network.uuid, self.store.files)
            self.store.files.remove_run_files(network.name)
            network.active = False
            await self.events.lifecycle(network, Event.STOPPED)
            if network.persistent:
                network.live = network.dnsmasq = None
            else:
                self._give_up(network)

    async def update(
        self, network: NetworkObject, command: int, section: int, parent: int, text: str, flags: UpdateFlags
    ) -> None:
        async with network.lock:
            live = UpdateFlags.LIVE in flags or (not flags and network.active)
            config = UpdateFlags.CONFIG in flags or (not flags and not network.active)
            if live:
                network.require_active()
            if config and network.config is None:
                raise failure(
                    ErrorCode.OPERATION_INVALID, "cannot change persistent config of a transient network"
                )
            try:
                # Both are made before either is used: all of the change happens, or nothing.
                arguments = (command, section, parent, text)
                new_live = update.updated(network.live, *arguments) if live and network.live else None
                new_config = update.updated(network.config, *arguments) if config and network.config else None
            except DomainError as error:
                raise xml_failure(error) from error
            if new_config is not None:
                await asyncio.to_thread(self.store.save_definition, new_config)
                network.config = new_config
            if new_live is not None:
                network.live = new_live
                await self._serve(network, new_live)

    async def _serve(self, network: NetworkObject, live: Network) -> None:
        network.dnsmasq = await asyncio.to_thread(
            host.serve, live, network.uuid, self.store.files, network.dnsmasq
        )
        self.store.save_status(NetworkStatus(live, True, network.dnsmasq))

    # The daemon's life

    async def begin(self) -> None:
        """The networks that run already, then those that start with the host."""
        for status in self.store.load_statuses():
            try:
                await self._adopt(status)
            except VirError as error:
                log.error("cannot take over network '%s': %s", status.live.name, error)
        if self.store.first_start_since_boot():
            for network in tuple(self):
                if network.autostart and not network.active:
                    try:
                        await self.start(network)
                    except VirError as error:
                        log.error("cannot autostart network '%s': %s", network.name, error)

    def reload(self) -> None:
        """Read the definitions; what is new or changed on disk is taken over, nothing is forgotten.

        Networks that run get their firewall rules again, as from libvirt's daemon.
        """
        for definition in self.store.load_definitions():
            # A file that somebody wrote by hand may have no uuid.
            known = {other.name: other.uuid for other in self}
            definition = replace(definition, uuid=definition.uuid or known.get(definition.name))
            definition = kvmctl.network.with_defaults(definition, self.free_bridge)
            try:
                network = self.match(definition)
            except VirError as error:
                log.error("ignoring the definition of network '%s': %s", definition.name, error)
                continue
            if network is None:
                network = NetworkObject(config=definition)
                self.add(network)
            network.config = definition
            network.autostart = self.store.autostart(network.name)

        for network in self:
            if network.active:
                task = asyncio.create_task(self._open_ways(network))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _open_ways(self, network: NetworkObject) -> None:
        async with network.lock:
            if network.live is not None and network.active:
                try:
                    await asyncio.to_thread(host.open_ways, network.live, network.uuid)
                except VirError as error:
                    log.error("network %s: %s", network.name, error)

    async def _adopt(self, status: NetworkStatus) -> None:
        live, files = status.live, self.store.files
        if live.uuid is None:
            return
        there = not live.owns_bridge or await asyncio.to_thread(bridge.exists, live.bridge_name)
        if not status.finished or not there:
            await asyncio.to_thread(host.take_down, live, live.uuid, files)
            files.remove_run_files(live.name)
            return
        network = self.match(live)
        if network is None:
            network = NetworkObject(live=live)
            self.add(network)
        network.live, network.active, network.dnsmasq = live, True, status.dnsmasq
        log.info("network %s: taken over", live.name)
        if status.dnsmasq is not None and not status.dnsmasq.alive():
            log.warning("network %s: its dnsmasq has ended; it gets a new one", live.name)
            await self._serve(network, live)
        else:
            # Whoever flushed the host's rules meanwhile did not mean these.
            await self._open_ways(network)

    def _give_up(self, network: NetworkObject) -> None:
        self.remove(network)
        with suppress(OSError):
            self.store.files.lease_file(network.name).unlink(missing_ok=True)
