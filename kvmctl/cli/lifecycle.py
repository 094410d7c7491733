"""Running and ending: start, create, shutdown, reboot, suspend, resume, destroy."""

from __future__ import annotations

import time
from typing import Annotated

import libvirt
import typer

from .completion import AnyName, InactiveName, RunningName, XmlFile
from .connection import Connection, Domain, connect, find_domain
from .console import run_console
from .definitions import read_xml
from .errors import Failure, Status, from_libvirt
from .output import say, working

WithConsole = Annotated[bool, typer.Option("--console", help="Show the console from the first character on.")]
Paused = Annotated[bool, typer.Option("--paused", help="Leave the virtual CPUs stopped; `resume` runs them.")]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", min=0, help="Return when the guest has ended, or fail then."),
]

_POLL_SECONDS = 0.2


def start_domain(connection: Connection, domain: Domain, *, console: bool, paused: bool) -> None:
    """Start a defined domain; the console is attached before the guest's first instruction."""
    with working(f"Starting {domain.name()}"):
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if console or paused else 0)
    show_started(connection, domain, console=console, paused=paused)


def show_started(connection: Connection, domain: Domain, *, console: bool, paused: bool) -> None:
    """Say that a domain runs, or attach to the one that was started for its console."""
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
        raise Failure(f"{name} is already running", f"`kvmctl console {name}` shows it.", Status.WRONG_STATE)
    start_domain(connection, domain, console=console, paused=paused)


def create(
    context: typer.Context, file: XmlFile, console: WithConsole = False, paused: Paused = False
) -> None:
    """Start a guest straight from XML; it leaves nothing.

    \b
    kvmctl create guest.xml --console
    """
    text = read_xml(file)
    connection = connect(context)
    with working("Starting the guest"):
        domain = connection.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED if console or paused else 0)
    show_started(connection, domain, console=console, paused=paused)


def shutdown(context: typer.Context, name: RunningName, wait: Wait = None) -> None:
    """Press a guest's power button: it shuts itself down.

    \b
    kvmctl shutdown web
    kvmctl shutdown web --wait 60 || kvmctl destroy web
    """
    domain = _running(context, name)
    domain.shutdown()
    if wait is None:
        say(f"Asked {name} to shut down. `kvmctl destroy {name}` ends a guest that does not listen.")
        return
    deadline = time.monotonic() + wait
    with working(f"Waiting for {name} to shut down"):
        while _active(domain):
            if time.monotonic() >= deadline:
                raise Failure(
                    f"{name} still runs after {wait:g} s",
                    f"`kvmctl destroy {name}` ends a guest that does not listen.",
                    Status.TIMEOUT,
                )
            time.sleep(_POLL_SECONDS)
    say(f"{name} has shut down.")


def reboot(
    context: typer.Context,
    name: RunningName,
    force: Annotated[
        bool, typer.Option("--force", help="Reset at once, as by the button on the case.")
    ] = False,
) -> None:
    """Ask a guest to reboot; --force resets it without asking.

    \b
    kvmctl reboot web
    kvmctl reboot web --force
    """
    domain = _running(context, name)
    if force:
        domain.reset()
        say(f"Reset {name}.")
    else:
        domain.reboot()
        say(f"Asked {name} to reboot. `kvmctl reboot {name} --force` resets a guest that does not listen.")


def suspend(context: typer.Context, name: RunningName) -> None:
    """Stop a guest's virtual CPUs; its memory stays.

    \b
    kvmctl suspend web
    """
    _running(context, name).suspend()
    say(f"Suspended {name}. `kvmctl resume {name}` lets it go on.")


def resume(context: typer.Context, name: RunningName) -> None:
    """Let a suspended guest go on.

    \b
    kvmctl resume web
    """
    _running(context, name).resume()
    say(f"Resumed {name}.")


def destroy(context: typer.Context, name: RunningName) -> None:
    """End a guest at once, as if its plug was pulled.

    Its definition stays.

    \b
    kvmctl destroy web
    """
    domain = find_domain(connect(context), name)
    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise
        hint = f"It is shut off already; `kvmctl undefine {name}` removes it."
        raise Failure(str(from_libvirt(error)), hint, Status.WRONG_STATE) from error
    say(f"Ended {name}.")


def autostart(
    context: typer.Context,
    name: AnyName,
    off: Annotated[bool, typer.Option("--off", help="No longer start it.")] = False,
) -> None:
    """Start a domain by itself after the host has booted.

    \b
    kvmctl autostart web
    kvmctl autostart web --off
    """
    domain = find_domain(connect(context), name)
    domain.setAutostart(0 if off else 1)
    say(f"{name} is no longer started by itself." if off else f"{name} starts by itself after a boot.")


def _running(context: typer.Context, name: str) -> Domain:
    domain = find_domain(connect(context), name)
    if not domain.isActive():
        raise Failure(f"{name} is not running", f"`kvmctl start {name}` starts it.", Status.WRONG_STATE)
    return domain


def _active(domain: Domain) -> bool:
    try:
        return bool(domain.isActive())
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return False  # a transient one is gone with its guest
