"""Running and ending: start, create, suspend, resume, destroy."""

from __future__ import annotations

from typing import Annotated

import libvirt
import typer

from .completion import InactiveName, RunningName, XmlFile
from .connection import Connection, Domain, connect, find_domain
from .console import run_console
from .definitions import read_xml
from .errors import Failure, from_libvirt
from .output import say

WithConsole = Annotated[bool, typer.Option("--console", help="Show the console from the first character on.")]
Paused = Annotated[bool, typer.Option("--paused", help="Leave the virtual CPUs stopped; `resume` runs them.")]


def start_domain(connection: Connection, domain: Domain, *, console: bool, paused: bool) -> None:
    """Start a defined domain; the console is attached before the guest's first instruction."""
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if console or paused else 0)
    _started(connection, domain, console=console, paused=paused)


def _started(connection: Connection, domain: Domain, *, console: bool, paused: bool) -> None:
    if console:
        run_console(connection, domain, when_open=None if paused else domain.resume)
    else:
        say(f"Started {domain.name()}" + (", paused." if paused else "."))


def start(
    context: typer.Context, name: InactiveName, console: WithConsole = False, paused: Paused = False
) -> None:
    """Start a defined domain.

    \b
    kvmctl start demo
    kvmctl start demo --console      Ctrl-] leaves the console
    """
    connection = connect(context)
    domain = find_domain(connection, name)
    if domain.isActive():
        raise Failure(f"{name} is already running", f"`kvmctl console {name}` shows it.")
    start_domain(connection, domain, console=console, paused=paused)


def create(
    context: typer.Context, file: XmlFile, console: WithConsole = False, paused: Paused = False
) -> None:
    """Start a domain straight from XML; nothing of it stays when it ends.

    \b
    kvmctl create guest.xml --console
    """
    text = read_xml(file)
    connection = connect(context)
    domain = connection.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED if console or paused else 0)
    _started(connection, domain, console=console, paused=paused)


def suspend(context: typer.Context, name: RunningName) -> None:
    """Stop a guest's virtual CPUs; its memory stays."""
    find_domain(connect(context), name).suspend()
    say(f"Suspended {name}. `kvmctl resume {name}` lets it go on.")


def resume(context: typer.Context, name: RunningName) -> None:
    """Let a suspended guest go on."""
    find_domain(connect(context), name).resume()
    say(f"Resumed {name}.")


def destroy(context: typer.Context, name: RunningName) -> None:
    """End a guest at once, as if its plug was pulled; its definition stays."""
    domain = find_domain(connect(context), name)
    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise
        hint = f"It is shut off already; `kvmctl undefine {name}` removes it."
        raise Failure(str(from_libvirt(error)), hint) from error
    say(f"Ended {name}.")
