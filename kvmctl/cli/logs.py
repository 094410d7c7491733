"""logs: what a guest's process and its console have written."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from xml.etree import ElementTree

import libvirt
import typer

from kvmctl.host import xdg

from .completion import AnyName
from .connection import Domain, connect, find_domain
from .errors import Failure
from .options import chosen_uri
from .terminal import interruptible

_TAIL_BLOCK = 64 * 1024
_FOLLOW_SECONDS = 0.25


def log_file(uri: str, name: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the driver behind a URI of this host keeps a domain's log; None where nobody knows."""
    parts = urlsplit(uri)
    driver = parts.scheme.partition("+")[0]
    if parts.netloc or driver not in ("kvmctl", "qemu"):
        return None
    if parts.path == "/system":
        return Path("/var/log/libvirt") / driver / f"{name}.log"
    return xdg.cache(environment) / "libvirt" / driver / "log" / f"{name}.log"


def console_log(domain: Domain) -> Path | None:
    """The file that a domain's XML names for the output of its first serial port or console."""
    devices = ElementTree.fromstring(domain.XMLDesc()).find("devices")
    for path in ("serial/log", "console/log"):
        log = devices.find(path) if devices is not None else None
        if log is not None and log.get("file"):
            return Path(log.get("file", ""))
    return None


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a file, without reading all of a large one."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        data = b""
        while end and data.count(b"\n") <= count:
            start = max(0, end - _TAIL_BLOCK)
            file.seek(start)
            data = file.read(end - start) + data
            end = start
    return data.decode(errors="replace").splitlines()[-count:]


def logs(
    context: typer.Context,
    name: AnyName,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, metavar="N", help="How many of the last lines.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written; Ctrl-C ends.")
    ] = False,
    console: Annotated[
        bool, typer.Option("--console", help="The guest's own output, where its XML has a <log file>.")
    ] = False,
    path: Annotated[bool, typer.Option("--path", help="Only say where the file is.")] = False,
) -> None:
    """Show what a guest's process, or its console, has written.

    \b
    kvmctl logs web
    kvmctl logs web --console --follow
    """
    domain = find_domain(connect(context), name)
    file = console_log(domain) if console else log_file(chosen_uri(context), domain.name())
    if file is None and console:
        raise Failure(
            f"the console of {name} is not logged",
            f"Add <log file='/var/log/{name}-console.log'/> to its <serial>: kvmctl edit {name}",
        )
    if file is None:
        raise Failure("this connection's driver keeps no log on this host that could be shown")
    if path:
        print(file)
        return
    try:
        shown = tail(file, lines)
    except FileNotFoundError:
        raise Failure(
            f"there is no log of {name} yet: {file}", f"It begins with `kvmctl start {name}`."
        ) from None
    except PermissionError:
        raise Failure(f"no permission to read {file}", "Run it as root (sudo).") from None
    for line in shown:
        print(line)
    if follow:
        _follow(file)


def _follow(path: Path) -> None:
    with interruptible(), path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        while True:
            data = file.read()
            if data:
                sys.stdout.write(data.decode(errors="replace"))
                sys.stdout.flush()
            else:
                if path.stat().st_size < file.tell():
                    file.seek(0)  # a new start has begun a new file
                time.sleep(_FOLLOW_SECONDS)


def last_lines(uri: str, name: str, count: int) -> list[str]:
    """For `top`: the end of a log, or nothing where it cannot be read."""
    file = log_file(uri, name)
    try:
        return tail(file, count) if file else []
    except (OSError, libvirt.libvirtError):
        return []
