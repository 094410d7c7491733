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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any
from uuid import UUID

from kvmctl.driver.constants import (
    AgentReason,
    AgentState,
    EventId,
    IoErrorAction,
    LifecycleEvent,
    MetadataType,
    WatchdogAction,
)
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.rpc import Connection, Procedure, types
from kvmctl.driver.rpc.types.params import TypedParam

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
        self._tell(
            domain,
            EventId.LIFECYCLE,
            types.DomainEventLifecycleMsg(dom=wire_domain(domain), event=int(event), detail=int(detail)),
            types.DomainEventCallbackLifecycleMsg,
        )

    def reboot(self, domain: DomainObject) -> None:
        message = types.DomainEventRebootMsg(dom=wire_domain(domain))
        self._tell(domain, EventId.REBOOT, message, types.DomainEventCallbackRebootMsg)

    def rtc_change(self, domain: DomainObject, offset: int) -> None:
        """The guest has set its clock; seconds from UTC."""
        message = types.DomainEventRtcChangeMsg(dom=wire_domain(domain), offset=offset)
        self._tell(domain, EventId.RTC_CHANGE, message, types.DomainEventCallbackRtcChangeMsg)

    def watchdog(self, domain: DomainObject, action: WatchdogAction) -> None:
        message = types.DomainEventWatchdogMsg(dom=wire_domain(domain), action=int(action))
        self._tell(domain, EventId.WATCHDOG, message, types.DomainEventCallbackWatchdogMsg)

    def io_error(
        self, domain: DomainObject, path: str, alias: str, action: IoErrorAction, reason: str
    ) -> None:
        """Two events: the second one, of newer clients, says why."""
        plain = types.DomainEventIoErrorMsg(
            dom=wire_domain(domain), src_path=path, dev_alias=alias, action=int(action)
        )
        self._tell(domain, EventId.IO_ERROR, plain, types.DomainEventCallbackIoErrorMsg)
        why = types.DomainEventIoErrorReasonMsg(
            dom=wire_domain(domain), src_path=path, dev_alias=alias, action=int(action), reason=reason
        )
        self._tell(domain, EventId.IO_ERROR_REASON, why, types.DomainEventCallbackIoErrorReasonMsg)

    def balloon_change(self, domain: DomainObject, kib: int) -> None:
        message = types.DomainEventBalloonChangeMsg(dom=wire_domain(domain), actual=kib)
        self._tell(domain, EventId.BALLOON_CHANGE, message, types.DomainEventCallbackBalloonChangeMsg)

    def device_removed(self, domain: DomainObject, alias: str) -> None:
        message = types.DomainEventDeviceRemovedMsg(dom=wire_domain(domain), dev_alias=alias)
        self._tell(domain, EventId.DEVICE_REMOVED, message, types.DomainEventCallbackDeviceRemovedMsg)

    # Those that came after the old registration

    def tunable(self, domain: DomainObject, params: Sequence[TypedParam]) -> None:
        self._tell_callbacks(
            domain,
            EventId.TUNABLE,
            partial(types.DomainEventCallbackTunableMsg, dom=wire_domain(domain), params=tuple(params)),
        )

    def agent_lifecycle(self, domain: DomainObject, state: AgentState, reason: AgentReason) -> None:
        self._tell_callbacks(
            domain,
            EventId.AGENT_LIFECYCLE,
            partial(
                types.DomainEventCallbackAgentLifecycleMsg,
                dom=wire_domain(domain),
                state=int(state),
                reason=int(reason),
            ),
        )

    def metadata_change(self, domain: DomainObject, kind: MetadataType, uri: str | None = None) -> None:
        self._tell_callbacks(
            domain,
            EventId.METADATA_CHANGE,
            partial(
                types.DomainEventCallbackMetadataChangeMsg,
                dom=wire_domain(domain),
                type=int(kind),
                nsuri=uri,
            ),
        )

    def block_threshold(
        self, domain: DomainObject, device: str, path: str | None, threshold: int, excess: int
    ) -> None:
        self._tell_callbacks(
            domain,
            EventId.BLOCK_THRESHOLD,
            partial(
                types.DomainEventBlockThresholdMsg,
                dom=wire_domain(domain),
                dev=device,
                path=path,
                threshold=threshold,
                excess=excess,
            ),
        )

    def _tell(self, domain: DomainObject, event: EventId, message: Any, wrapper: Callable[..., Any]) -> None:
        old = Procedure[f"DOMAIN_EVENT_{event.name}"]
        new = Procedure[f"DOMAIN_EVENT_CALLBACK_{event.name}"]
        self._queue.put_nowait(
            _Message(event, domain.uuid, (old, message), (new, partial(_wrapped, wrapper, message)))
        )

    def _tell_callbacks(self, domain: DomainObject, event: EventId, make: Callable[..., Any]) -> None:
        procedure = _CALLBACK_PROCEDURES[event]
        self._queue.put_nowait(
            _Message(event, domain.uuid, None, (procedure, lambda number: make(callback_id=number)))
        )


def _wrapped(wrapper: Callable[..., Any], message: Any, number: int) -> Any:
    return wrapper(callback_id=number, msg=message)


_CALLBACK_PROCEDURES = {
    EventId.DEVICE_ADDED: Procedure.DOMAIN_EVENT_CALLBACK_DEVICE_ADDED,
    EventId.TUNABLE: Procedure.DOMAIN_EVENT_CALLBACK_TUNABLE,
    EventId.AGENT_LIFECYCLE: Procedure.DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE,
    EventId.METADATA_CHANGE: Procedure.DOMAIN_EVENT_CALLBACK_METADATA_CHANGE,
    EventId.BLOCK_THRESHOLD: Procedure.DOMAIN_EVENT_BLOCK_THRESHOLD,
}
