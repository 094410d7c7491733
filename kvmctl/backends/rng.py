"""Sources of random numbers: character devices, the kernel's own for the builtin backend."""

import os
from typing import Final

from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Domain

_BUILTIN: Final = "/dev/urandom"


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for rng in domain.devices.rngs:
        path = rng.path or _BUILTIN
        descriptors.open(
            rng.alias or "", path, os.O_RDONLY, what="random number source", kind="character device"
        )
    return domain
