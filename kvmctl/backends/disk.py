"""Disks: a raw image, a block device, a format that a helper reads, or somebody's vhost-user server."""

import errno
import fcntl
import os
from typing import Final

from kvmctl.backends import helper, imagelock, storagedaemon
from kvmctl.backends.descriptors import BackendError, Descriptors
from kvmctl.domain import Disk, Domain

_PAST_THE_CACHE: Final = ("none", "directsync")


def _open(disk: Disk, descriptors: Descriptors) -> None:
    alias, source = disk.alias or "", disk.source or ""
    if disk.type == "vhostuser":
        descriptors.add(alias, helper.connect(source, "vhost-user disk"))
        return
    if storagedaemon.is_needed(disk):
        storagedaemon.start(disk, descriptors)
        return
    kind = "regular file" if disk.type == "file" else "block device"
    mode = os.O_RDONLY if disk.is_readonly else os.O_RDWR
    descriptors.open(alias, source, mode, what="disk", kind=kind)
    shareable = disk.shareable is not None
    imagelock.lock(descriptors.named[alias], source, readonly=disk.is_readonly, shareable=shareable)
    if disk.cache in _PAST_THE_CACHE:
        _bypass_cache(descriptors.named[alias])


def _bypass_cache(descriptor: int) -> None:
    """Where the file system is able to: one in memory, for example, has nothing else than the cache."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise BackendError(error, "cannot bypass the host's page cache") from error


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for disk in domain.devices.disks:
        _open(disk, descriptors)
    return domain
