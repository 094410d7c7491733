"""What is booted: the kernel and its initrd."""

import os

from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Domain


def open_files(domain: Domain, descriptors: Descriptors) -> None:
    for role in ("kernel", "initrd"):
        path = getattr(domain.os, role)
        if path:
            descriptors.open(role, path, os.O_RDONLY, what=role, kind="regular file")
