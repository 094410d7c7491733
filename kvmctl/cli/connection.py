"""The libvirt connection that every command works on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import libvirt
import typer

from . import daemon

Connection = Any  # libvirt-python carries no types
Domain = Any


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
    connection = libvirt.open(uri)
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
    """By name, then by UUID, then by id: the first that fits; otherwise the error of the name."""
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        found = _by_number(connection, name)
        if found is None:
            raise
        return found


def _by_number(connection: Connection, text: str) -> Domain | None:
    try:
        if text.isdecimal() and text.isascii():
            return connection.lookupByID(int(text))
        return connection.lookupByUUIDString(str(UUID(text)))
    except (ValueError, OverflowError, libvirt.libvirtError):
        return None
