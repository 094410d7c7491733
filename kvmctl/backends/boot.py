"""What is booted: the kernel and its initrd, or the firmware with its option ROM for network cards."""

import os
from pathlib import Path

from kvmctl.backends.descriptors import Descriptors, Unsupported
from kvmctl.domain import Domain
from kvmctl.domain.addresses import has_pci
from kvmctl.domain.meaning.boot import boots_from_network
from kvmctl.host import firmware


def open_files(domain: Domain, descriptors: Descriptors) -> None:
    if domain.os.kernel is None:
        descriptors.open("firmware", _firmware(domain), os.O_RDONLY, what="firmware", kind="regular file")
        if boots_from_network(domain):
            descriptors.open("netboot", _netboot(), os.O_RDONLY, what="option ROM", kind="regular file")
        return
    for role in ("kernel", "initrd"):
        path = getattr(domain.os, role)
        if path:
            descriptors.open(role, path, os.O_RDONLY, what=role, kind="regular file")


def _firmware(domain: Domain) -> str:
    if not has_pci(domain):
        raise Unsupported("a microvm has no firmware: it needs a <kernel>")
    if domain.os.loader is not None:
        return domain.os.loader.path
    path = firmware.bios()
    if not Path(path).exists():
        raise Unsupported(
            f"there is no <kernel>, and no firmware '{path}': install the package {firmware.PACKAGE}"
        )
    return path


def _netboot() -> str:
    path = firmware.netboot()
    if not Path(path).exists():
        raise Unsupported(
            f"booting from the network needs '{path}': install the package {firmware.NETBOOT_PACKAGE}"
        )
    return path
