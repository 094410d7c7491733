"""kvmctl: the command line. One module a family of commands; this one puts them together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import libvirt
import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from .. import __version__
from . import (
    change,
    config,
    console,
    definitions,
    demo,
    doctor,
    events,
    info,
    lifecycle,
    listing,
    logs,
    output,
    run,
    shells,
)
from .errors import from_exception, show
from .help import Command, Group
from .options import Options
from .top import command as top

app = typer.Typer(
    name="kvmctl",
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"kvmctl {__version__}")
        raise typer.Exit


def _no_color(value: bool) -> None:
    if value:
        output.no_color()


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Machine-readable output of the commands that print facts.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")] = False,
    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color", is_eager=True, callback=_no_color, help="No colours; NO_COLOR does the same."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Virtual machines on /dev/kvm, described by libvirt's domain XML.

    \b
    kvmctl demo                      a guest to play with, within seconds
    kvmctl run /boot/vmlinuz         a kernel as a guest, in one command
    kvmctl define guest.xml          make a domain from XML
    kvmctl start NAME --console      run it and show its serial console
    kvmctl top                       what all guests do
    """
    found = config.load()
    if not found.color:
        output.no_color()
    output.be_quiet(quiet or found.quiet)
    context.obj = Options(connect or found.uri, debug, as_json, quiet or found.quiet, found)


FAMILIES: dict[str, dict[str, Callable[..., None]]] = {
    "Run": {
        "run": run.run,
        "demo": demo.demo,
        "start": lifecycle.start,
        "create": lifecycle.create,
        "shutdown": lifecycle.shutdown,
        "reboot": lifecycle.reboot,
        "destroy": lifecycle.destroy,
        "suspend": lifecycle.suspend,
        "resume": lifecycle.resume,
        "console": console.console,
    },
    "Look": {
        "top": top.top,
        "list": listing.list_domains,
        "info": info.info,
        "logs": logs.logs,
        "events": events.events,
    },
    "Define": {
        "define": definitions.define,
        "edit": definitions.edit,
        "validate": definitions.validate,
        "dumpxml": definitions.dumpxml,
        "undefine": definitions.undefine,
        "rename": definitions.rename,
        "autostart": lifecycle.autostart,
    },
    "Host": {"doctor": doctor.doctor, "completion": shells.completion},
}
GROUPS = {"set": change.set_app, "attach": change.attach_app, "detach": change.detach_app}

for _family, _commands in FAMILIES.items():
    for _name, _command in _commands.items():
        app.command(_name, cls=Command, rich_help_panel=_family)(_command)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name, rich_help_panel="Change")


def main() -> None:
    """The console script: every failure ends in one line, a next step and a status."""
    completion_init()
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
