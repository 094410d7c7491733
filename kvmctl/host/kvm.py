"""What KVM offers on this host (Linux, Documentation/virt/kvm/api.rst)."""

import fcntl
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DEVICE = "/dev/kvm"
API_VERSION = 12

_KVM_GET_API_VERSION = 0xAE00
_KVM_CHECK_EXTENSION = 0xAE03
_KVM_CAP_NR_VCPUS = 9
_KVM_CAP_MAX_VCPUS = 66


@dataclass(frozen=True, slots=True)
class Limits:
    api_version: int
    recommended_vcpus: int
    max_vcpus: int


@lru_cache(maxsize=1)
def limits() -> Limits:
    """Raises OSError when KVM cannot be used; a good answer does not change and is kept."""
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        recommended = fcntl.ioctl(descriptor, _KVM_CHECK_EXTENSION, _KVM_CAP_NR_VCPUS) or 4
        return Limits(
            api_version=fcntl.ioctl(descriptor, _KVM_GET_API_VERSION, 0),
            recommended_vcpus=recommended,
            max_vcpus=fcntl.ioctl(descriptor, _KVM_CHECK_EXTENSION, _KVM_CAP_MAX_VCPUS) or recommended,
        )
    finally:
        os.close(descriptor)


def available() -> bool:
    return Path(DEVICE).exists() and os.access(DEVICE, os.R_OK | os.W_OK)
