"""The host side of vsock: a unix socket NAME.vsock in the run directory, beside which others listen."""

import os
from dataclasses import replace
from pathlib import Path

from kvmctl.backends.chardev import listen
from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Domain

_FIRST_CID = 3


def path(domain: Domain, run: Path) -> Path:
    """Clients of the host connect there; for the guest's connections to port P they listen on PATH_P."""
    return run / f"{domain.name}.vsock"


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    vsock = domain.devices.vsock
    if vsock is None:
        return domain
    if descriptors.run is None:
        raise Unsupported("a vsock of a guest run by hand needs --qmp: its socket is in the same directory")
    alias = vsock.alias or "vsock0"
    descriptors.add(alias, listen(str(path(domain, descriptors.run))).detach())
    try:
        directory = os.open(descriptors.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BackendError(error, f"cannot open directory '{descriptors.run}'") from error
    descriptors.add(f"{alias}.directory", directory)
    # Every guest has its own sockets, so that any number but the host's will do.
    cid = vsock.cid or max(_FIRST_CID, _FIRST_CID - 1 + (domain.id or 0))
    return replace(domain, devices=replace(domain.devices, vsock=replace(vsock, cid=cid)))
