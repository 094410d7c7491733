"""The demo: a small guest of our own, defined, started and shown in one command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from xml.sax.saxutils import escape

import libvirt
import typer

from .. import demo as guest
from .connection import Connection, Domain, connect
from .console import Session, open_console, run_console, write_all
from .errors import Failure
from .lifecycle import start_domain
from .output import say

TITLE = "The kvmctl demo guest"
SCRIPT = ("help", "cpu", "mem", "time", "poweroff")
SCRIPT_SECONDS = 60.0


def demo_xml(name: str, kernel: Path, uuid: str | None = None) -> str:
    identity = f"\n  <uuid>{uuid}</uuid>" if uuid else ""
    return f"""<domain type='kvm'>
  <name>{escape(name)}</name>{identity}
  <title>{TITLE}</title>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{escape(str(kernel))}</kernel>
  </os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <serial type='pty'/>
    <console type='pty'/>
  </devices>
</domain>
"""


class Script:
    """Plays the person: the next command whenever the guest shows its prompt."""

    PROMPT = b"> "

    def __init__(self, commands: tuple[str, ...], input_fd: int, output_fd: int) -> None:
        self._commands = list(commands)
        self._input = input_fd
        self._output = output_fd
        self._line = b""

    def __call__(self, data: bytes) -> None:
        write_all(self._output, data)
        self._line = (self._line + data).rpartition(b"\n")[2]
        if self._line == self.PROMPT and self._commands:
            write_all(self._input, self._commands.pop(0).encode() + b"\r")


def _play(connection: Connection, domain: Domain, *, fresh: bool) -> None:
    """Without a terminal: show the banner and a few commands, and end."""
    stream = open_console(connection, domain)
    reader, writer = os.pipe()
    try:
        if fresh:
            domain.resume()
        else:
            os.write(writer, b"\x03")  # drops a half-typed line and brings the prompt
        sys.stdout.flush()
        script = Script(SCRIPT, writer, sys.stdout.fileno())
        Session(stream, reader, script).run(timeout=SCRIPT_SECONDS)
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


def _defined(connection: Connection, name: str, kernel: Path) -> Domain:
    """The demo's domain, made or brought up to date; anyone else's of that name is left alone."""
    domain = _find(connection, name)
    if domain and f"<title>{TITLE}</title>" not in domain.XMLDesc():
        raise Failure(
            f"the domain {name} exists and is not the demo",
            "Give the demo another name: `kvmctl demo --name NAME`.",
        )
    if domain and domain.isActive():
        return domain
    return connection.defineXML(demo_xml(name, kernel, domain.UUIDString() if domain else None))


def demo(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="What to call the domain.")] = guest.NAME,
) -> None:
    """Define, start and show a small guest with an interactive monitor.

    A demo that runs already is shown as it is. Without a terminal (in a script) a few commands are typed for
    you, and the guest is powered off.

    \b
    kvmctl demo                      Ctrl-] leaves, "poweroff" ends the guest
    """
    kernel = guest.guest()
    if not kernel.exists():
        raise Failure(f"the demo guest {kernel} was not built", "Install kvmctl again; it needs gcc.")
    connection = connect(context)
    domain = _defined(connection, name, kernel)
    running = bool(domain.isActive())
    if sys.stdin.isatty():
        if running:
            run_console(connection, domain)
        else:
            start_domain(connection, domain, console=True, paused=False)
        return
    if not running:
        start_domain(connection, domain, console=False, paused=True)
    _play(connection, domain, fresh=not running)
    say(f"The demo's guest has ended. On a terminal, `kvmctl demo --name {name}` lets you talk to it.")
