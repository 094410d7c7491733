"""Domain names for the shell's completion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import libvirt
import typer

from .connection import connect_if_running
from .errors import Failure
from .states import state_name

_ANY = 0
_ACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
_INACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE


def _completer(flags: int) -> Callable[[typer.Context, str], Iterator[tuple[str, str]]]:
    def complete(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
        try:
            connection = connect_if_running(context)
            domains = connection.listAllDomains(flags) if connection else []
            for domain in domains:
                if domain.name().startswith(incomplete):
                    yield domain.name(), state_name(domain.state()[0])
        except (libvirt.libvirtError, Failure):
            return

    return complete


def _name(help_text: str, flags: int) -> typer.models.ArgumentInfo:
    argument: typer.models.ArgumentInfo = typer.Argument(
        metavar="NAME", help=help_text, autocompletion=_completer(flags), show_default=False
    )
    return argument


AnyName = Annotated[str, _name("Name, UUID or id of a domain.", _ANY)]
OptionalName = Annotated[str | None, _name("Name, UUID or id of a domain; all where not given.", _ANY)]
RunningName = Annotated[str, _name("Name, UUID or id of a running domain.", _ACTIVE)]
InactiveName = Annotated[str, _name("Name or UUID of a domain that is shut off.", _INACTIVE)]
XmlFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="An XML file; - reads standard input.", show_default=False),
]
