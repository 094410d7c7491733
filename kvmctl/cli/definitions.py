"""Definitions: define, edit, validate, dumpxml, undefine, rename."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import libvirt
import typer

from .completion import AnyName, InactiveName, XmlFile
from .connection import Connection, connect, find_domain
from .errors import Failure, Status, from_libvirt, show
from .options import AsJson
from .output import print_json, say


def read_xml(file: Path) -> str:
    """The text of a domain definition."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def define(context: typer.Context, file: XmlFile) -> None:
    """Define a domain from XML, or change one.

    \b
    kvmctl define guest.xml
    kvmctl dumpxml web --inactive | sed 's/1 GiB/2 GiB/' | kvmctl define -
    """
    text = read_xml(file)
    domain = connect(context).defineXML(text)
    name = domain.name()
    if domain.isActive():
        say(f"Defined {name}. The running guest keeps what it has; the next start has this.")
    else:
        say(f"Defined {name}. `kvmctl start {name} --console` starts it.")


def edit(context: typer.Context, name: AnyName) -> None:
    """Change a domain's definition in your editor.

    What is wrong with the new one is shown, and can be edited again.

    \b
    kvmctl edit web
    EDITOR=nano kvmctl edit web
    """
    connection = connect(context)
    domain = find_domain(connection, name)
    if not domain.isPersistent():
        raise Failure(
            f"{name} has no definition; it only runs",
            f"Make one of it: kvmctl dumpxml {name} --inactive | kvmctl define -",
            Status.WRONG_STATE,
        )
    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    original = domain.XMLDesc(flags)
    with tempfile.TemporaryDirectory(prefix="kvmctl-edit-") as directory:
        path = Path(directory) / "domain.xml"
        path.write_text(original)
        while True:
            _run_editor(path)
            text = path.read_text()
            if text == original:
                say(f"Nothing changed; {name} stays as it was.")
                return
            if _defined(connection, text):
                break
            if not sys.stdin.isatty() or not typer.confirm("Edit it again?", default=True, err=True):
                raise Failure("the change was not accepted", f"{name} stays as it was.")
    running = " The running guest keeps what it has." if domain.isActive() else ""
    say(f"Changed {name}.{running}")


def _run_editor(path: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(command), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise Failure(f"cannot run the editor '{command}': {error}", "Name one in $EDITOR.") from error
    if done.returncode:
        raise Failure(f"the editor '{command}' ended with status {done.returncode}; nothing was changed")


def _defined(connection: Connection, text: str) -> bool:
    try:
        connection.defineXML(text)
    except libvirt.libvirtError as error:
        show(from_libvirt(error))
        return False
    return True


def validate(file: XmlFile, as_json: AsJson = False) -> None:
    """Tell what is wrong with XML, with lines; change nothing.

    Files that it names and that are not here are told too: it can be defined without them, not started.

    \b
    kvmctl validate guest.xml
    kvmctl validate guest.xml --json | jq -r '.findings[].message'
    """
    from ..domain import ErrorKind, examine

    found = examine(read_xml(file), on_this_host=True)
    findings = [{**asdict(finding), "kind": finding.kind.name.lower()} for finding in found]
    valid = all(finding.kind is ErrorKind.SYSTEM_ERROR for finding in found)
    if as_json:
        print_json({"file": str(file), "valid": valid, "findings": findings})
    else:
        for finding in findings:
            place = f"{file}:{finding['line']}" if finding["line"] else str(file)
            path = f" ({finding['path']})" if finding["path"] else ""
            print(f"{place}: {finding['message']}{path}")
        if valid:
            start = ", but it cannot start without these files" if findings else ""
            say(f"{file} is good{start}. `kvmctl define {file}` defines it.")
    if not valid:
        raise typer.Exit(Status.FAILED)


def dumpxml(
    context: typer.Context,
    name: AnyName,
    inactive: Annotated[
        bool, typer.Option("--inactive", help="What the next start will use, not what runs now.")
    ] = False,
) -> None:
    """Print a domain's XML.

    \b
    kvmctl dumpxml demo
    kvmctl dumpxml demo --inactive > demo.xml
    """
    flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
    sys.stdout.write(find_domain(connect(context), name).XMLDesc(flags))


def undefine(context: typer.Context, name: AnyName) -> None:
    """Remove a definition; a running guest goes on until it ends.

    \b
    kvmctl undefine demo
    """
    domain = find_domain(connect(context), name)
    domain.undefine()
    say(f"Undefined {name}." + (" It still runs, until it ends." if _active(domain) else ""))


def rename(
    context: typer.Context,
    name: InactiveName,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="What to call it.", show_default=False)],
) -> None:
    """Give a domain that is shut off another name.

    \b
    kvmctl rename web web-old
    """
    domain = find_domain(connect(context), name)
    if domain.isActive():
        raise Failure(
            f"{name} is running, and keeps its name until it ends",
            f"`kvmctl shutdown {name} --wait 60` ends it first.",
            Status.WRONG_STATE,
        )
    domain.rename(new_name)
    say(f"Renamed {name} to {new_name}.")


def _active(domain: object) -> bool:
    try:
        return bool(domain.isActive())  # type: ignore[attr-defined]
    except libvirt.libvirtError:
        return False  # nothing is left of it
