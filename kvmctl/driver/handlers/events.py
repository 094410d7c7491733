"""virConnect: registration for events, in the old form (one an event id) and the new (numbered callbacks)."""

from uuid import UUID

from kvmctl.driver.constants import EventId
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()


def _event(number: int) -> EventId:
    if number not in tuple(EventId):
        raise failure(ErrorCode.INTERNAL_ERROR, f"unsupported event ID {number}")
    return EventId(number)


def _register_legacy(driver: Driver, connection: Connection, event: EventId) -> None:
    if driver.events.find_legacy(connection, event) is not None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"domain event {int(event)} already registered")
    driver.events.register(connection, event, legacy=True)


def _unregister_legacy(driver: Driver, connection: Connection, event: EventId) -> None:
    registration = driver.events.find_legacy(connection, event)
    if registration is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"domain event {int(event)} not registered")
    driver.events.unregister(registration)


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_REGISTER)
def connect_domain_event_register(
    driver: Driver, connection: Connection, _args: None
) -> types.ConnectDomainEventRegisterRet:
    _register_legacy(driver, connection, EventId.LIFECYCLE)
    return types.ConnectDomainEventRegisterRet(cb_registered=1)


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_DEREGISTER)
def connect_domain_event_deregister(
    driver: Driver, connection: Connection, _args: None
) -> types.ConnectDomainEventDeregisterRet:
    _unregister_legacy(driver, connection, EventId.LIFECYCLE)
    return types.ConnectDomainEventDeregisterRet(cb_registered=0)


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_REGISTER_ANY)
def connect_domain_event_register_any(
    driver: Driver, connection: Connection, args: types.ConnectDomainEventRegisterAnyArgs
) -> None:
    _register_legacy(driver, connection, _event(args.event_id))


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_DEREGISTER_ANY)
def connect_domain_event_deregister_any(
    driver: Driver, connection: Connection, args: types.ConnectDomainEventDeregisterAnyArgs
) -> None:
    _unregister_legacy(driver, connection, _event(args.event_id))


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY)
def connect_domain_event_callback_register_any(
    driver: Driver, connection: Connection, args: types.ConnectDomainEventCallbackRegisterAnyArgs
) -> types.ConnectDomainEventCallbackRegisterAnyRet:
    domain = UUID(bytes=args.dom.uuid) if args.dom is not None else None
    number = driver.events.register(connection, _event(args.event_id), domain)
    return types.ConnectDomainEventCallbackRegisterAnyRet(callback_id=number)


@table.answers(Procedure.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY)
def connect_domain_event_callback_deregister_any(
    driver: Driver, connection: Connection, args: types.ConnectDomainEventCallbackDeregisterAnyArgs
) -> None:
    registration = driver.events.find(connection, callback=args.callback_id)
    if registration is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"domain event callback {args.callback_id} not registered")
    driver.events.unregister(registration)


@table.answers(Procedure.CONNECT_REGISTER_CLOSE_CALLBACK)
def connect_register_close_callback(driver: Driver, connection: Connection, _args: None) -> None:
    """The driver lives in this process: its connection closes when the client's does, never before."""
    if connection.context.get("close callback"):
        raise failure(ErrorCode.INTERNAL_ERROR, "A close callback was already registered")
    connection.context["close callback"] = True


@table.answers(Procedure.CONNECT_UNREGISTER_CLOSE_CALLBACK)
def connect_unregister_close_callback(driver: Driver, connection: Connection, _args: None) -> None:
    if not connection.context.pop("close callback", False):
        raise failure(ErrorCode.INTERNAL_ERROR, "No close callback registered")
