"""What the keys do to guests, each with the words for the bottom line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libvirt

from ..connection import Connection, Domain
from ..errors import from_libvirt


@dataclass(frozen=True, slots=True)
class Action:
    """A key's effect on a guest; `question` is asked first where it cannot be taken back."""

    run: Callable[[Domain], object]
    done: str
    question: str | None = None


def _toggle(domain: Domain) -> None:
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()
    else:
        domain.suspend()


ACTIONS: dict[str, Action] = {
    "z": Action(_toggle, "Suspended {name}, or let it go on."),
    "x": Action(lambda domain: domain.shutdown(), "Asked {name} to shut down."),
    "b": Action(lambda domain: domain.reboot(), "Asked {name} to reboot."),
    "d": Action(
        lambda domain: domain.destroy(),
        "Ended {name}.",
        "End {name} at once, as if its plug was pulled? (y/n)",
    ),
}


def perform(action: Action, domain: Domain) -> str:
    """Run it and say what came of it, good or bad."""
    try:
        action.run(domain)
    except libvirt.libvirtError as error:
        return f"error: {from_libvirt(error)}"
    return action.done.format(name=domain.name())


def start(connection: Connection, name: str) -> str:
    try:
        connection.lookupByName(name).create()
    except libvirt.libvirtError as error:
        return f"error: {from_libvirt(error)}"
    return f"Started {name}."


def inactive(connection: Connection) -> list[str]:
    """The names of what could be started."""
    domains = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE)
    return sorted(domain.name() for domain in domains)
