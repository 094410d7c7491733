"""events: what happens to domains, while it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any

import libvirt
import typer

from .completion import OptionalName
from .connection import Connection, Domain, connect, find_domain
from .errors import Failure, Status
from .options import AsJson
from .output import say
from .terminal import interrupts


@cache
def _names(prefix: str) -> dict[int, str]:
    """libvirt's own names for the numbers of one enumeration, as words."""
    return {
        getattr(libvirt, name): name.removeprefix(prefix).lower().replace("_", "-")
        for name in dir(libvirt)
        if name.startswith(prefix) and not name.endswith("_LAST")
    }


_EVENT = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: "defined",
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_DOMAIN_EVENT_STARTED: "started",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "suspended",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "resumed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "stopped",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "shutdown",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "pmsuspended",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}


@dataclass(frozen=True, slots=True)
class Event:
    domain: str
    uuid: str
    event: str
    detail: str


Report = Callable[[Event], None]


def _watched(report: Report) -> dict[int, Callable[..., None]]:
    """The callbacks, by libvirt's event; all get the connection first and the opaque value last."""

    def tell(domain: Domain, event: str, detail: str = "") -> None:
        report(Event(domain.name(), domain.UUIDString(), event, detail))

    def lifecycle(_connection: Any, domain: Domain, event: int, detail: int, _opaque: Any) -> None:
        word = _EVENT.get(event, f"event {event}")
        tell(domain, word, _names(f"VIR_DOMAIN_EVENT_{word.upper()}_").get(detail, str(detail)))

    def reboot(_connection: Any, domain: Domain, _opaque: Any) -> None:
        tell(domain, "reboot")

    def io_error(_connection: Any, domain: Domain, path: str, alias: str, action: int, *_rest: Any) -> None:
        tell(domain, "io-error", f"{alias} {path} {_names('VIR_DOMAIN_EVENT_IO_ERROR_').get(action, action)}")

    def watchdog(_connection: Any, domain: Domain, action: int, _opaque: Any) -> None:
        tell(domain, "watchdog", _names("VIR_DOMAIN_EVENT_WATCHDOG_").get(action, str(action)))

    def balloon(_connection: Any, domain: Domain, actual: int, _opaque: Any) -> None:
        tell(domain, "balloon", f"{actual} KiB")

    def device_added(_connection: Any, domain: Domain, alias: str, _opaque: Any) -> None:
        tell(domain, "device-added", alias)

    def device_removed(_connection: Any, domain: Domain, alias: str, _opaque: Any) -> None:
        tell(domain, "device-removed", alias)

    def metadata(_connection: Any, domain: Domain, kind: int, uri: str | None, _opaque: Any) -> None:
        tell(domain, "metadata-change", uri or {0: "description", 1: "title"}.get(kind, str(kind)))

    return {
        libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: lifecycle,
        libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: reboot,
        libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR: io_error,
        libvirt.VIR_DOMAIN_EVENT_ID_WATCHDOG: watchdog,
        libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE: balloon,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: device_added,
        libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: device_removed,
        libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE: metadata,
    }


@contextmanager
def watching(connection: Connection, domain: Domain | None, report: Report) -> Iterator[None]:
    """Report every event that the connection's driver knows; raise if it knows none."""
    registered = []
    missing: libvirt.libvirtError | None = None
    for number, callback in _watched(report).items():
        try:
            registered.append(connection.domainEventRegisterAny(domain, number, callback, None))
        except libvirt.libvirtError as error:
            missing = error
    if missing and not registered:
        raise missing
    # Wakes the loop now and then: for the time-out, and for Ctrl-C, which does not interrupt its poll().
    timer = libvirt.virEventAddTimeout(200, lambda timer, opaque: None, None)
    try:
        yield
    finally:
        libvirt.virEventRemoveTimeout(timer)
        for callback_id in registered:
            with suppress(libvirt.libvirtError):  # with a daemon that has gone they are gone, too
                connection.domainEventDeregisterAny(callback_id)


def events(
    context: typer.Context,
    name: OptionalName = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="End after so many events.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="End after so long; status 7.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what happens to domains, while it happens.

    Ctrl-C ends.

    \b
    kvmctl events
    kvmctl events web --count 1 --timeout 60
    kvmctl events --json | jq .
    """
    connection = connect(context)
    seen = 0
    gone = False

    def report(event: Event) -> None:
        nonlocal seen
        if count is not None and seen >= count:
            return
        seen += 1
        now = datetime.now().astimezone()
        if as_json:
            print(json.dumps({"time": now.isoformat(timespec="milliseconds"), **asdict(event)}), flush=True)
        else:
            line = f"{now:%H:%M:%S}  {event.domain:<20}  {event.event:<15} {event.detail}"
            print(line.rstrip(), flush=True)

    def closed(_connection: Any, _reason: int, _opaque: Any) -> None:
        nonlocal gone
        gone = True

    domain = find_domain(connection, name) if name else None
    deadline = None if timeout is None else time.monotonic() + timeout
    connection.registerCloseCallback(closed, None)
    try:
        with watching(connection, domain, report), interrupts() as interrupted:
            if not as_json:
                say(f"Watching {name or 'all domains'}. Ctrl-C ends.")
            while (count is None or seen < count) and not interrupted():
                if gone:
                    raise Failure("the daemon has gone", None, Status.NO_CONNECTION)
                if deadline is not None and time.monotonic() >= deadline:
                    raise typer.Exit(Status.TIMEOUT)
                libvirt.virEventRunDefaultImpl()
    finally:
        with suppress(libvirt.libvirtError):
            connection.unregisterCloseCallback()
