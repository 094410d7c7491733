"""The host end of every device: opened by the daemon for the VMM, or by kvmctl-vmm for a guest run by hand.

A kind of device has one module here with `open_all(domain, descriptors)`, and a line in the table.
"""

from collections.abc import Callable
from typing import Final

from kvmctl.backends import chardev, disk, filesystem, interface, rng
from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Domain

__all__ = ["BackendError", "Descriptors", "Unsupported", "open_devices"]

_BACKENDS: Final[tuple[Callable[[Domain, Descriptors], Domain], ...]] = (
    chardev.open_all,
    disk.open_all,
    filesystem.open_all,
    interface.open_all,
    rng.open_all,
)


def open_devices(domain: Domain, descriptors: Descriptors) -> Domain:
    """Open what the domain's devices, which have their aliases, are on; the result is the live domain.

    Raises BackendError; what was opened until then is in `descriptors`, for its owner to close.
    """
    for open_all in _BACKENDS:
        domain = open_all(domain, descriptors)
    return domain
