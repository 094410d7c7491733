"""Disks: a raw image or a block device."""

import os

from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Domain


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for disk in domain.devices.disks:
        kind = "regular file" if disk.type == "file" else "block device"
        mode = os.O_RDONLY if disk.is_readonly else os.O_RDWR
        descriptors.open(disk.alias or "", disk.source or "", mode, what="disk", kind=kind)
    return domain
