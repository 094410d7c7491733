"""The jail of a VMM's process, which it goes into itself when everything that it needs is open.

First, before there is a second thread: namespaces, an empty root directory, limits, another user, no
capabilities (`enter`). Then, with the machine built and before it has seen a byte of the guest's: the
filters of system calls (`seccomp`), one for each kind of thread.
"""

from __future__ import annotations

import logging
import os

from kvmctl.host.jail import Settings
from kvmctl.vmm.jail import limits, namespaces, privileges

log = logging.getLogger(__name__)

__all__ = ["JailError", "enter", "give_up_capabilities"]


class JailError(Exception):
    """A part of the jail that this host refuses."""


def fork(settings: Settings) -> int:
    """fork(2), which is how a process gets into a namespace of processes. Raises JailError and OSError."""
    if "pid" in settings.namespaces and os.geteuid() == 0:
        try:
            return namespaces.fork_apart()
        except OSError as error:
            if settings.namespaces_required:
                raise JailError(f"cannot have a namespace of processes: {error.strerror}") from error
            log.warning("no namespace of processes for this guest: %s", error.strerror)
    return os.fork()


def enter(settings: Settings) -> None:
    """Into all of the jail but the filters; there is no way back. Raises JailError.

    The process has one thread. What it has open stays open; files are out of reach from here on.
    """
    if settings.namespaces:
        try:
            namespaces.enter(frozenset(settings.namespaces) & namespaces.OWN)
        except OSError as error:
            if settings.namespaces_required:
                raise JailError(f"cannot have namespaces of its own: {error.strerror}") from error
            log.warning("no namespaces for this guest: %s", error.strerror)
    try:
        limits.apply(settings)
        if settings.drop_capabilities:
            privileges.give_up_capabilities()
        if settings.uid is not None:
            privileges.become(settings.uid, settings.uid if settings.gid is None else settings.gid)
        if settings.drop_capabilities:
            privileges.clear_capabilities()
    except OSError as error:
        raise JailError(f"cannot give up privileges: {error.strerror}") from error


def give_up_capabilities() -> None:
    """For good; the user stays. Raises OSError."""
    privileges.give_up_capabilities()
    privileges.clear_capabilities()
