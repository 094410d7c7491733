"""Sources of random numbers: character devices."""

import os

from kvmctl.backends.descriptors import Descriptors
from kvmctl.domain import Domain


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for rng in domain.devices.rngs:
        descriptors.open(
            rng.alias or "", rng.path or "", os.O_RDONLY, what="random number source", kind="character device"
        )
    return domain
