"""What a person sees when something fails: a line with the cause, one with the next step, and a status."""

from __future__ import annotations

import os
from enum import IntEnum
from pathlib import Path

import libvirt

KVM = "/dev/kvm"


class Status(IntEnum):
    """Exit statuses; 2 is what typer uses for a wrong command line."""

    FAILED = 1
    USAGE = 2
    NO_CONNECTION = 3
    NO_DOMAIN = 4
    WRONG_STATE = 5
    UNSUPPORTED = 6
    TIMEOUT = 7


class Failure(Exception):
    """A failure that is already in words."""

    def __init__(self, message: str, hint: str | None = None, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


_STATUS = {
    libvirt.VIR_ERR_NO_DOMAIN: Status.NO_DOMAIN,
    libvirt.VIR_ERR_OPERATION_INVALID: Status.WRONG_STATE,
    libvirt.VIR_ERR_NO_SUPPORT: Status.UNSUPPORTED,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: Status.UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: Status.UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: Status.UNSUPPORTED,
}

_HINTS = {
    libvirt.VIR_ERR_NO_SUPPORT: "The hypervisor driver behind this connection does not implement it.",
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: "man 5 kvmctl-domain tells what a domain can have.",
    libvirt.VIR_ERR_XML_ERROR: "`kvmctl validate FILE` shows everything that is wrong, with lines.",
    libvirt.VIR_ERR_XML_DETAIL: "`kvmctl validate FILE` shows everything that is wrong, with lines.",
}


def from_libvirt(error: libvirt.libvirtError) -> Failure:
    """Libvirt's message, which already names the cause, with our next step."""
    code = error.get_error_code()
    message = error.get_error_message() or str(error)
    if "client socket is closed" in message:  # libvirt has no code of its own for it
        return Failure("the daemon has gone", "The same command again starts it anew.", Status.NO_CONNECTION)
    hint = _HINTS.get(code)
    if KVM in message:
        hint = "`kvmctl doctor` tells what is missing, and what to do."
        if Path(KVM).exists() and not os.access(KVM, os.R_OK | os.W_OK):
            hint = f"Join the group that {KVM} belongs to: sudo usermod -aG kvm $USER, and log in again."
    return Failure(message, hint, _STATUS.get(code, Status.FAILED))


def from_exception(error: Exception) -> Failure:
    """Any failure in words; what nobody foresaw is a fault of ours."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, libvirt.libvirtError):
        return from_libvirt(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return Failure(f"{error.filename}: {reason}" if error.filename else reason)
    return Failure(f"a fault in kvmctl: {error!r}", "`kvmctl --debug ...` shows where; please report it.")


def show(failure: Failure) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(f"error: {failure}", style="bold red"))
    if failure.hint:
        console.print(Text(failure.hint))
