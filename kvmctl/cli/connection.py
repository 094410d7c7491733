"""The libvirt connection that every command works on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libvirt
import typer

from . import daemon
from .errors import Failure, Status, from_libvirt

Connection = Any  # libvirt-python carries no types
Domain = Any

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Options:
    """What was given before the command."""

    uri: str | None = None
    debug: bool = False


def _privileged() -> bool:
    return os.geteuid() == 0


def chosen_uri(context: typer.Context) -> str:
    root = context.find_root()
    # While the shell completes, the callback that fills in the options has not run.
    given: str | None = root.obj.uri if isinstance(root.obj, Options) else root.params.get("connect")
    return given or daemon.default_uri(_privileged())


def connect(context: typer.Context) -> Connection:
    """Open the connection, with the daemon started where it has to be; closed with the command."""
    uri = chosen_uri(context)
    target = daemon.endpoint(uri, privileged=_privileged())
    if target:
        daemon.ensure_running(target, privileged=_privileged())
        uri = target.uri
    # Streams and keepalive need the event loop, and it has to be there before the connection.
    libvirt.virEventRegisterDefaultImpl()
    try:
        connection = libvirt.open(uri)
    except libvirt.libvirtError as error:
        failure = from_libvirt(error)
        raise Failure(f"cannot connect to {uri}: {failure}", failure.hint, Status.NO_CONNECTION) from error
    context.call_on_close(connection.close)
    return connection


def connect_if_running(context: typer.Context) -> Connection | None:
    """For shell completion, which must not start anything."""
    uri = chosen_uri(context)
    target = daemon.endpoint(uri, privileged=_privileged())
    if target:
        if not daemon.answers(target.socket):
            return None
        uri = target.uri
    return libvirt.open(uri)


def find_domain(connection: Connection, name: str) -> Domain:
    """By name, then by id or UUID."""
    lookups: list[Callable[[], Domain]] = [lambda: connection.lookupByName(name)]
    if name.isascii() and name.isdecimal():
        lookups.append(lambda: connection.lookupByID(int(name)))
    elif _UUID.fullmatch(name):
        lookups.append(lambda: connection.lookupByUUIDString(name))
    for lookup in lookups:
        try:
            return lookup()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
        except OverflowError:
            pass  # an id is a C int
    raise Failure(f"there is no domain {name!r}", "`kvmctl list --all` shows the names.", Status.NO_DOMAIN)
