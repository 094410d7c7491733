"""What KVM offers on this host (Linux, Documentation/virt/kvm/api.rst)."""

import errno
import fcntl
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kvmctl.host import kind
from kvmctl.host.cpumodel import FEATURE_MSRS, CpuidEntry, HostCpu
from kvmctl.host.cpumodel.cpuid import ENTRY, unpack
from kvmctl.host.cpumodel.features import from_linux

DEVICE = "/dev/kvm"
API_VERSION = 12

_KVM_GET_API_VERSION = 0xAE00
_KVM_CHECK_EXTENSION = 0xAE03
_KVM_GET_SUPPORTED_CPUID = 0xC008AE05
_KVM_GET_MSRS = 0xC008AE88
_KVM_CAP_NR_VCPUS = 9
_KVM_CAP_MAX_VCPUS = 66
_KVM_CAP_TSC_DEADLINE_TIMER = 72
_KVM_CAP_GET_MSR_FEATURES = 153

_CPUID_HEADER = struct.Struct("=II")
_CPUID_FIRST_GUESS = 128
_MSR_BLOCK = struct.Struct("=IIIIQ")


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


@lru_cache(maxsize=1)
def host_cpu() -> HostCpu:
    """What guests here can have of the processor. Raises OSError when KVM cannot be used."""
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        return cpu_of(descriptor)
    finally:
        os.close(descriptor)


def cpu_of(descriptor: int) -> HostCpu:
    """The same, of an open /dev/kvm."""
    deadline = bool(fcntl.ioctl(descriptor, _KVM_CHECK_EXTENSION, _KVM_CAP_TSC_DEADLINE_TIMER))
    entries = supported_cpuid(descriptor)
    # PVM runs guests' programs as they are, and neither lists nor hides what the processor has.
    pvm = kind.detect().kind is kind.Kind.PVM
    shown = from_linux(kind.flags()) if pvm else ()
    msrs = _feature_msrs(descriptor, FEATURE_MSRS)
    return HostCpu.of(entries, msrs, tsc_deadline=deadline, shown=shown)


def supported_cpuid(descriptor: int) -> list[CpuidEntry]:
    """KVM_GET_SUPPORTED_CPUID. Raises OSError."""
    count = _CPUID_FIRST_GUESS
    while True:
        buffer = bytearray(_CPUID_HEADER.pack(count, 0)) + bytes(count * ENTRY.size)
        try:
            fcntl.ioctl(descriptor, _KVM_GET_SUPPORTED_CPUID, buffer)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            count *= 2
            continue
        found, _ = _CPUID_HEADER.unpack_from(buffer)
        return unpack(buffer[_CPUID_HEADER.size : _CPUID_HEADER.size + found * ENTRY.size])


def _feature_msrs(descriptor: int, numbers: Iterable[int]) -> dict[int, int]:
    """The registers with capabilities that KVM can give to guests (KVM_GET_MSRS of the system)."""
    found: dict[int, int] = {}
    if not fcntl.ioctl(descriptor, _KVM_CHECK_EXTENSION, _KVM_CAP_GET_MSR_FEATURES):
        return found
    for number in numbers:
        block = bytearray(_MSR_BLOCK.pack(1, 0, number, 0, 0))
        try:
            count = fcntl.ioctl(descriptor, _KVM_GET_MSRS, block)
        except OSError:
            continue
        if count == 1:
            found[number] = _MSR_BLOCK.unpack(block)[4]
    return found
