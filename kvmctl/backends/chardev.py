"""Serial ports: a pseudo terminal or a file, and a log beside it."""

import os
import tty
from dataclasses import replace

from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Chardev, Domain


def open_pty() -> tuple[int, str]:
    """A raw terminal pair: the VMM gets the master, consoles open the slave by its name."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    tty.setraw(slave)
    os.fchmod(slave, 0o600)
    os.close(slave)
    return master, name


def _open(chardev: Chardev, descriptors: Descriptors) -> Chardev:
    alias = chardev.alias or ""
    if chardev.source_type == "pty":
        master, terminal = open_pty()
        descriptors.add(alias, master)
        chardev = replace(chardev, path=terminal, tty=terminal)
    elif chardev.path is not None:
        descriptors.output(alias, chardev.path, append=bool(chardev.append))
    if chardev.log is not None:
        descriptors.output(f"{alias}.log", chardev.log.file, append=bool(chardev.log.append))
    return chardev


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    """Serial ports are the devices; a console with target type serial is a view of the first of them."""
    serials = tuple(_open(serial, descriptors) for serial in domain.devices.serials)
    consoles = tuple(
        replace(console, path=serials[number].path, tty=serials[number].tty, alias=serials[number].alias)
        if number < len(serials)
        else console
        for number, console in enumerate(domain.devices.consoles)
    )
    return replace(domain, devices=replace(domain.devices, serials=serials, consoles=consoles))
