"""Network events to clients that have registered a callback for them (remote_protocol.x)."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from uuid import UUID

from kvmctl.driver.network.constants import Event
from kvmctl.driver.network.object import NetworkObject
from kvmctl.driver.rpc import Connection, Procedure, types

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    connection: Connection
    callback: int
    network: UUID | None


def wire_network(network: NetworkObject) -> types.Network:
    return types.Network(name=network.name, uuid=network.uuid.bytes)


class NetworkEvents:
    def __init__(self) -> None:
        self._registrations: list[Registration] = []
        self._numbers = itertools.count(1)

    def register(self, connection: Connection, network: UUID | None) -> int:
        number = next(self._numbers)
        self._registrations.append(Registration(connection, number, network))
        return number

    def unregister(self, connection: Connection, callback: int) -> bool:
        """False when that client has no such callback."""
        for registration in self._registrations:
            if registration.connection is connection and registration.callback == callback:
                self._registrations.remove(registration)
                return True
        return False

    def forget(self, connection: Connection) -> None:
        self._registrations = [r for r in self._registrations if r.connection is not connection]

    async def lifecycle(self, network: NetworkObject, event: Event) -> None:
        """Never waits for a client."""
        log.info("network %s: %s", network.name, event.name.lower())
        for registration in tuple(self._registrations):
            if registration.network not in (None, network.uuid):
                continue
            message = types.NetworkEventLifecycleMsg(
                callback_id=registration.callback, net=wire_network(network), event=int(event), detail=0
            )
            try:
                await registration.connection.send_event(Procedure.NETWORK_EVENT_LIFECYCLE, message)
            except Exception:
                log.exception("cannot deliver an event")
