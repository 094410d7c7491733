"""Events to clients, through both of libvirt's registrations.

Old clients register once an event id and get ``remote_domain_event_*_msg``; clients since libvirt 1.2.1
register any number of
callbacks, each perhaps for one domain, and get ``remote_domain_event_callback_*_msg`` with the callback's
number
(remote_protocol.x).
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from kvmctl.driver.constants import EventId, LifecycleEvent, MetadataType
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.rpc import Connection, Procedure, types

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    connection: Connection
    callback: int
    event: EventId
    domain: UUID | None
    legacy: bool


@dataclass(frozen=True, slots=True)
class _Message:
    """One event in both forms: the old message, and the new one made for a callback's number."""

    event: EventId
    domain: UUID
    legacy: tuple[Procedure, Any] | None
    modern: tuple[Procedure, Callable[[int], Any]]


def wire_domain(domain: DomainObject) -> types.Domain:
    return types.Domain(name=domain.name, uuid=domain.uuid.bytes, id=domain.id)


class EventHub:
    def __init__(self) -> None:
        self._registrations: list[Registration] = []
        self._numbers = itertools.count(1)
        self._queue: asyncio.Queue[_Message] = asyncio.Queue()

    # Registration

    def register(
        self, connection: Connection, event: EventId, domain: UUID | None = None, *, legacy: bool = False
    ) -> int:
        number = next(self._numbers)
        self._registrations.append(Registration(connection, number, event, domain, legacy))
        return number

    def find(self, connection: Connection, *, callback: int) -> Registration | None:
        return next(
            (r for r in self._registrations if r.connection is connection and r.callback == callback), None
        )

    def find_legacy(self, connection: Connection, event: EventId) -> Registration | None:
        mine = (r for r in self._registrations if r.connection is connection and r.legacy)
        return next((r for r in mine if r.event == event), None)

    def unregister(self, registration: Registration) -> None:
        self._registrations.remove(registration)

    def forget(self, connection: Connection) -> None:
        self._registrations = [r for r in self._registrations if r.connection is not connection]

    # Delivery

    async def pump(self) -> None:
        """Deliver in the order of happening; send_event never waits for a slow client."""
        while True:
            message = await self._queue.get()
            for registration in tuple(self._registrations):
                if registration.event != message.event or registration.domain not in (None, message.domain):
                    continue
                try:
                    await self._deliver(registration, message)
                except Exception:
                    log.exception("cannot deliver an event")

    @staticmethod
    async def _deliver(registration: Registration, message: _Message) -> None:
        if not registration.legacy:
            procedure, make = message.modern
            await registration.connection.send_event(procedure, make(registration.callback))
        elif message.legacy is not None:
            procedure, body = message.legacy
            await registration.connection.send_event(procedure, body)

    # The events themselves

    def lifecycle(self, domain: DomainObject, event: LifecycleEvent, detail: IntEnum) -> None:
        log.info("domain %s: %s (%s)", domain.name, event.name.lower(), detail.name.lower())
        message = types.DomainEventLifecycleMsg(dom=wire_domain(domain), event=int(event), detail=int(detail))
        self._queue.put_nowait(
            _Message(
                EventId.LIFECYCLE,
                domain.uuid,
                (Procedure.DOMAIN_EVENT_LIFECYCLE, message),
                (
                    Procedure.DOMAIN_EVENT_CALLBACK_LIFECYCLE,
                    lambda number: types.DomainEventCallbackLifecycleMsg(callback_id=number, msg=message),
                ),
            )
        )

    def reboot(self, domain: DomainObject) -> None:
        message = types.DomainEventRebootMsg(dom=wire_domain(domain))
        self._queue.put_nowait(
            _Message(
                EventId.REBOOT,
                domain.uuid,
                (Procedure.DOMAIN_EVENT_REBOOT, message),
                (
                    Procedure.DOMAIN_EVENT_CALLBACK_REBOOT,
                    lambda number: types.DomainEventCallbackRebootMsg(callback_id=number, msg=message),
                ),
            )
        )

    def metadata_change(self, domain: DomainObject, kind: MetadataType) -> None:
        dom = wire_domain(domain)
        self._queue.put_nowait(
            _Message(
                EventId.METADATA_CHANGE,
                domain.uuid,
                None,
                (
                    Procedure.DOMAIN_EVENT_CALLBACK_METADATA_CHANGE,
                    lambda number: types.DomainEventCallbackMetadataChangeMsg(
                        callback_id=number, dom=dom, type=int(kind), nsuri=None
                    ),
                ),
            )
        )
