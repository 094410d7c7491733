"""Definitions: made, changed, renamed and removed, each on disk before anybody is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import kvmctl.domain
from kvmctl.domain import Domain
from kvmctl.driver.constants import DefinedDetail, LifecycleEvent, UndefinedDetail
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import domain_errors, failure
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.store import check_name

Change = Callable[[Domain], Domain]
Apply = Callable[[Domain], Awaitable[None]]


def parse_definition(text: str) -> Domain:
    """A definition from a client's XML, complete and without what only a running domain has."""
    with domain_errors():
        definition = kvmctl.domain.with_defaults(kvmctl.domain.inactive(kvmctl.domain.parse(text)))
    check_name(definition.name)
    return definition


class Definitions:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def define(self, text: str) -> DomainObject:
        definition = parse_definition(text)
        while True:
            domain = self._parts.inventory.match(definition)
            if domain is None:
                domain = DomainObject(config=definition)
                self._parts.inventory.add(domain)
                added = True
            else:
                added = not domain.persistent
            async with domain.job():
                if domain.removed:  # while this call waited for the lock
                    continue
                await self._define(domain, definition, added)
                return domain

    async def _define(self, domain: DomainObject, definition: Domain, added: bool) -> None:
        try:
            await asyncio.to_thread(self._parts.store.save_definition, definition)
        except BaseException:
            if added and not domain.active:
                self._parts.inventory.remove(domain)
            raise
        domain.config = definition
        if added:
            self._parts.save_status(domain)
        detail = DefinedDetail.ADDED if added else DefinedDetail.UPDATED
        self._parts.events.lifecycle(domain, LifecycleEvent.DEFINED, detail)

    async def undefine(self, domain: DomainObject) -> None:
        """A running domain goes on as a transient one."""
        async with domain.job():
            if not domain.persistent or domain.removed:
                raise failure(ErrorCode.OPERATION_INVALID, "cannot undefine transient domain")
            await asyncio.to_thread(self._parts.store.delete_definition, domain.name)
            domain.autostart = False
            self._parts.events.lifecycle(domain, LifecycleEvent.UNDEFINED, UndefinedDetail.REMOVED)
            if domain.active:
                domain.config = None
                self._parts.save_status(domain)
            else:
                self._parts.inventory.remove(domain)

    async def rename(self, domain: DomainObject, name: str) -> None:
        """Only while nothing runs under the old name."""
        check_name(name)
        async with domain.job():
            if domain.active:
                raise failure(ErrorCode.OPERATION_INVALID, "cannot rename active domain")
            if domain.config is None or domain.removed:
                raise failure(ErrorCode.OPERATION_INVALID, "cannot rename a transient domain")
            if name == domain.name:
                raise failure(ErrorCode.OPERATION_INVALID, "Can't rename domain to itself")
            if self._parts.inventory.has_name(name):
                raise failure(ErrorCode.OPERATION_INVALID, f"domain with name '{name}' already exists")
            renamed = replace(domain.config, name=name)
            # Without a pause in between, so that nobody else can take the name meanwhile.
            self._parts.store.rename_definition(domain.name, renamed)
            self._parts.events.lifecycle(domain, LifecycleEvent.UNDEFINED, UndefinedDetail.RENAMED)
            old, domain.config = domain.name, renamed
            self._parts.inventory.renamed(domain, old)
            self._parts.events.lifecycle(domain, LifecycleEvent.DEFINED, DefinedDetail.RENAMED)

    async def reconfigure(
        self, domain: DomainObject, flags: int, change: Change, apply: Apply | None = None
    ) -> None:
        """Change the live definition, the persistent one or both (virDomainModificationImpact).

        ``apply`` carries the change of the live one out, which it gets. When it fails nothing has changed.
        """
        async with domain.job():
            live, config = domain.affected(flags)
            await self.change(domain, change if config else None, change if live else None, apply)

    async def change(
        self,
        domain: DomainObject,
        config: Change | None,
        live: Change | None,
        apply: Apply | None = None,
    ) -> None:
        """For a caller that holds the job, and has a change of its own for each definition."""
        domain.require_present()
        before = domain.config
        changed = _checked(config(before)) if config is not None and before is not None else None
        running = live(domain.live) if live is not None and domain.live is not None else None
        if changed is not None:
            await self._persist(domain, changed)
        if running is None:
            return
        try:
            if apply is not None:
                await apply(running)
        except BaseException:
            if changed is not None and before is not None:
                await self._persist(domain, before)
            raise
        if domain.active:
            domain.live = running
            self._parts.save_status(domain)

    async def _persist(self, domain: DomainObject, definition: Domain) -> None:
        await asyncio.to_thread(self._parts.store.save_definition, definition)
        domain.config = definition


def _checked(definition: Domain) -> Domain:
    """A changed definition has to be one that could have been defined."""
    with domain_errors():
        return kvmctl.domain.parse(kvmctl.domain.format(definition))
