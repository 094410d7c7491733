"""Disks: a raw image, a block device, a format that a helper reads, or somebody's vhost-user server."""

import os

from kvmctl.backends import helper, storagedaemon
from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Disk, Domain


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


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for disk in domain.devices.disks:
        _open(disk, descriptors)
    return domain
