"""kvmctl: the command line. One module a family of commands; this one puts them together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import libvirt
import typer

from .. import __version__
from . import console, definitions, demo, doctor, lifecycle, listing
from .connection import Options
from .errors import from_exception, show

app = typer.Typer(
    name="kvmctl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"kvmctl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    connect: Annotated[
        str | None,
        typer.Option(
            "--connect",
            "-c",
            metavar="URI",
            envvar="LIBVIRT_DEFAULT_URI",
            help="Libvirt connection; root's default is kvmctl:///system, others' kvmctl:///session.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Virtual machines on /dev/kvm, described by libvirt's domain XML.

    \b
    kvmctl demo                      a guest to play with, within seconds
    kvmctl define guest.xml          make a domain from XML
    kvmctl start NAME --console      run it and show its serial console
    kvmctl list --all                what there is
    """
    context.obj = Options(connect, debug)


FAMILIES: dict[str, dict[str, Callable[..., None]]] = {
    "Define": {
        "define": definitions.define,
        "dumpxml": definitions.dumpxml,
        "undefine": definitions.undefine,
    },
    "Run": {
        "start": lifecycle.start,
        "create": lifecycle.create,
        "suspend": lifecycle.suspend,
        "resume": lifecycle.resume,
        "destroy": lifecycle.destroy,
        "console": console.console,
        "demo": demo.demo,
    },
    "Look": {"list": listing.list_domains, "info": listing.info, "doctor": doctor.doctor},
}

for _family, _commands in FAMILIES.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_family)(_command)


def main() -> None:
    """The console script: every failure ends in one line, a next step and a status."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    try:
        try:
            app(prog_name="kvmctl")
        finally:
            sys.stdout.flush()
    except Exception as error:
        if isinstance(error, OSError):
            # What could not be written must not be tried again, and complained about, at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if "--debug" in sys.argv[1:]:
            raise
        failure = from_exception(error)
        show(failure)
        sys.exit(failure.status)


if __name__ == "__main__":
    main()
