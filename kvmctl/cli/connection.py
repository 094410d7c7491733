"""The libvirt connection that every command works on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import libvirt
import typer

from . import daemon
from .errors import Failure, Status, from_libvirt
from .options import chosen_uri, privileged

Connection = Any  # libvirt-python carries no types
Domain = Any

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def connect(context: typer.Context) -> Connection:
    """Open the connection, with the daemon started where it has to be; closed with the command."""
    connection = open_connection(chosen_uri(context))
    context.call_on_close(connection.close)
    return connection


def open_connection(uri: str) -> Connection:
    target = daemon.endpoint(uri, privileged=privileged())
    if target:
        daemon.ensure_running(target, privileged=privileged())
        uri = target.uri
    # Streams and keepalive need the event loop, and it has to be there before the connection.
    libvirt.virEventRegisterDefaultImpl()
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as error:
        message = f"cannot connect to {uri}: {from_libvirt(error)}"
        raise Failure(message, _connection_hint(uri, error), Status.NO_CONNECTION) from error


def _connection_hint(uri: str, error: libvirt.libvirtError) -> str | None:
    if error.get_error_code() == libvirt.VIR_ERR_NO_CONNECT:
        return "A connection is a URI, such as kvmctl:///system, kvmctl:///session or qemu:///system."
    parts = urlsplit(uri)
    if parts.netloc or parts.scheme not in ("qemu", "xen", "lxc", "ch", "vbox"):
        return None
    return f"Is its daemon running? systemctl start libvirtd, or virt{parts.scheme}d."


def connect_if_running(context: typer.Context) -> Connection | None:
    """For shell completion, which must not start anything."""
    uri = chosen_uri(context)
    target = daemon.endpoint(uri, privileged=privileged())
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
    raise Failure(f"there is no domain '{name}'", _suggestion(connection, name), Status.NO_DOMAIN)


def _suggestion(connection: Connection, name: str) -> str:
    close = difflib.get_close_matches(name, [domain.name() for domain in connection.listAllDomains()], n=1)
    return f"Did you mean '{close[0]}'?" if close else "`kvmctl list --all` shows the names."
