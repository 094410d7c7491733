"""Definitions: define, dumpxml, undefine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import libvirt
import typer

from .completion import AnyName, XmlFile
from .connection import connect, find_domain
from .errors import Failure
from .output import say


def read_xml(file: Path) -> str:
    """The text of a domain definition."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def define(context: typer.Context, file: XmlFile) -> None:
    """Define a domain from XML, or change the one of the same name.

    \b
    kvmctl define guest.xml
    kvmctl dumpxml web --inactive | sed 's/1 GiB/2 GiB/' | kvmctl define -
    """
    text = read_xml(file)
    domain = connect(context).defineXML(text)
    say(f"Defined {domain.name()}. `kvmctl start {domain.name()} --console` starts it.")


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


def _active(domain: object) -> bool:
    try:
        return bool(domain.isActive())  # type: ignore[attr-defined]
    except libvirt.libvirtError:
        return False  # nothing is left of it
