"""The demo: a small guest of our own, defined, started and shown in one command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import libvirt
import typer

from .. import demo as guest
from .connection import Connection, Domain, connect
from .console import Session, open_console, run_console, write_all
from .errors import Failure
from .guestxml import Guest
from .lifecycle import start_domain
from .output import say

TITLE = "kvmctl demo"
COMMANDS = ("help", "cpu", "mem", "time", "poweroff")
PROMPT = b"> "
MONITOR_SECONDS = 60.0
KERNEL_SECONDS = 600.0


class Player:
    """Plays the person at the monitor: the next command whenever the guest shows its prompt."""

    def __init__(self, input_fd: int) -> None:
        self._commands = list(COMMANDS)
        self._input = input_fd
        self._line = b""

    def __call__(self, data: bytes) -> None:
        self._line = (self._line + data).rpartition(b"\n")[2]
        if self._line == PROMPT and self._commands:
            write_all(self._input, self._commands.pop(0).encode() + b"\r")


class Watcher:
    """Ends the guest once it has printed a text."""

    def __init__(self, text: str, domain: Domain) -> None:
        self._text = text.encode()
        self._tail = b""
        self._domain: Domain | None = domain

    def __call__(self, data: bytes) -> None:
        self._tail += data
        if self._domain and self._text in self._tail:
            self._domain.destroy()
            self._domain = None
        self._tail = self._tail[-len(self._text) :]


def _show(connection: Connection, domain: Domain, *, fresh: bool, until: str | None, monitor: bool) -> None:
    """Without a terminal: show the console until the guest ends, with commands typed to our monitor."""
    stream = open_console(connection, domain)
    reader, writer = os.pipe()
    react: Callable[[bytes], None] | None = None
    if monitor:
        react = Player(writer)
    elif until:
        react = Watcher(until, domain)

    def output(data: bytes) -> None:
        write_all(sys.stdout.fileno(), data)
        if react:
            react(data)

    sys.stdout.flush()
    try:
        if fresh:
            domain.resume()
        elif monitor:
            os.write(writer, b"\x03")  # drops a half-typed line and brings the prompt
        Session(stream, reader, output).run(timeout=MONITOR_SECONDS if monitor else KERNEL_SECONDS)
        stream.finish()
    finally:
        os.close(reader)
        os.close(writer)


def _find(connection: Connection, name: str) -> Domain | None:
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return None


def _defined(connection: Connection, name: str, what: Guest) -> Domain:
    """The demo's domain, made or brought up to date; anyone else's of that name is left alone."""
    domain = _find(connection, name)
    if domain and f"<title>{TITLE}</title>" not in domain.XMLDesc():
        raise Failure(
            f"the domain {name} exists and is not a demo",
            "Give the demo another name: `kvmctl demo --name NAME`.",
        )
    if domain and domain.isActive():
        return domain
    return connection.defineXML(what.xml(name, domain.UUIDString() if domain else None))


def demo(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call the domain.")] = "demo",
    kernel: Annotated[
        Path | None,
        typer.Option(
            "--kernel",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Run this kernel instead of the monitor.",
        ),
    ] = None,
    initrd: Annotated[
        Path | None,
        typer.Option("--initrd", exists=True, dir_okay=False, metavar="FILE", help="Its initial RAM disk."),
    ] = None,
    append: Annotated[str, typer.Option("--append", metavar="TEXT", help="Its command line.")] = "",
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TEXT", help="Without a terminal: end the guest when it has printed this."
        ),
    ] = None,
) -> None:
    """Define, start and show a small guest to play with.

    It is an interactive monitor, or a kernel of yours. A demo that runs already is shown as it is. In a
    script a few commands are typed, and the guest ends.

    \b
    kvmctl demo                      Ctrl-] leaves, "poweroff" ends the guest
    kvmctl demo --name linux --kernel bzImage --append console=ttyS0
    """
    try:
        what = (
            Guest(kernel, initrd, append, memory=256 << 20, title=TITLE)
            if kernel
            else Guest(guest.monitor(), title=TITLE)
        )
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    connection = connect(context)
    domain = _defined(connection, name, what)
    running = bool(domain.isActive())
    if sys.stdin.isatty():
        if running:
            run_console(connection, domain)
        else:
            start_domain(connection, domain, console=True, paused=False)
        return
    if not running:
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    _show(connection, domain, fresh=not running, until=until, monitor=kernel is None)
    say(f"\nThe guest of {name} has ended; `kvmctl list --all` shows what stays of it.")
