"""What a VMM gives up: first into its control groups, then, with everything open, into its jail."""

from __future__ import annotations

import importlib
import logging
import mmap
import os
import pkgutil
import socket
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import kvmctl.vmm
from kvmctl.host.cgroup import MEMBERS
from kvmctl.host.jail import OPEN, Settings
from kvmctl.vmm import jail, timekeeping
from kvmctl.vmm.devices.virtio import vsockhost
from kvmctl.vmm.jail import JailError, threads
from kvmctl.vmm.jail.apart import run as run_apart

if TYPE_CHECKING:
    from kvmctl.domain import Domain
    from kvmctl.vmm.jail.threads import Filters

_LOCALTIME: Final = Path("/etc/localtime")
_NOT_WARMED: Final = ("__main__", "jail.seccomp")
"""A program, and what needs a library that may be missing."""

log = logging.getLogger(__name__)


def join(descriptors: dict[str, int]) -> None:
    """Move this process by each descriptor of a group's members, which are taken out. Raises OSError."""
    for name in [name for name in descriptors if name.startswith(MEMBERS)]:
        group = descriptors.pop(name)
        try:
            os.write(group, b"0")
        except OSError as error:
            controller = name.removeprefix(MEMBERS)
            raise OSError(error.errno, f"cannot join the control group of '{controller}'") from error
        finally:
            os.close(group)


@cache
def warm() -> None:
    """What takes time and is the same for every guest: a process forked from this one has it already."""
    for module in pkgutil.walk_packages(kvmctl.vmm.__path__, "kvmctl.vmm."):
        if not module.name.endswith(_NOT_WARMED):
            importlib.import_module(module.name)
    _filters()


def enter(settings: Settings, domain: Domain, descriptors: dict[str, int]) -> Callable[[], None]:
    """Into the jail, except for its filters of system calls: the answer is a call that adds those.

    Files are out of reach afterwards. Raises JailError and OSError.
    """
    if settings == OPEN:
        return _nothing
    filters = _required_filters(settings) if settings.seccomp else None
    warm()
    _read_ahead(domain)
    _fork_connector(domain, descriptors, filters)
    jail.enter(settings)
    if filters is None:
        return _nothing
    return lambda: threads.confine(filters)


def apart(work: Callable[[], bytes]) -> mmap.mmap | None:
    """What `work` makes of bytes from a stranger, in its own process; None: it failed. Raises OSError."""
    filters = _filters()
    return run_apart(work, None if isinstance(filters, str) else filters)


def _nothing() -> None:
    """No filters."""


@cache
def _filters() -> Filters | str:
    """Or why there are none."""
    try:
        from kvmctl.vmm.jail import seccomp

        return seccomp.compile()
    except (ImportError, OSError, RuntimeError) as error:
        return str(error)


def _required_filters(settings: Settings) -> Filters | None:
    filters = _filters()
    if not isinstance(filters, str):
        return filters
    if settings.seccomp_required:
        raise JailError(f"cannot filter system calls: {filters}")
    log.warning("no filter of system calls for this guest: %s", filters)
    return None


def _read_ahead(domain: Domain) -> None:
    """Files that would be looked at on the way: the time zones, of the host and of the guest's clock."""
    timekeeping.seconds_from_utc(domain.clock, time.time())
    if "TZ" not in os.environ and (rule := _posix_rule()):
        # With a rule in TZ the C library does not look for /etc/localtime at every conversion.
        os.environ["TZ"] = rule
    time.tzset()


def _posix_rule() -> str:
    """The host's time zone as text: the last line of its file (RFC 8536, 3.3)."""
    try:
        lines = _LOCALTIME.read_bytes().rsplit(b"\n", 2)
        return lines[-2].decode("ascii")
    except (OSError, ValueError, IndexError):
        return "UTC0"


def _fork_connector(domain: Domain, descriptors: dict[str, int], filters: Filters | None) -> None:
    vsock = domain.devices.vsock
    if vsock is None:
        return
    name = vsock.alias or "vsock0"
    directory = descriptors.pop(f"{name}.directory", None)
    if directory is None:
        return

    def confine() -> None:
        jail.give_up_capabilities()
        if filters is not None:
            threads.confine_connector(filters)

    with socket.socket(fileno=os.dup(descriptors[name])) as listening:
        descriptors[f"{name}.connector"] = vsockhost.fork(listening, directory, confine)
    os.close(directory)
