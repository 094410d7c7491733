"""/dev/kvm itself: version, capabilities, the CPUID and MSRs that this host's KVM supports."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from kvmctl.host.cpumodel import HostCpu
from kvmctl.host.kvm import cpu_of
from kvmctl.vmm.kvm import abi

DEVICE: Final = Path("/dev/kvm")

_REQUIRED: Final = {
    "KVM_CAP_IRQCHIP": abi.CAP_IRQCHIP,
    "KVM_CAP_USER_MEMORY": abi.CAP_USER_MEMORY,
    "KVM_CAP_SET_TSS_ADDR": abi.CAP_SET_TSS_ADDR,
    "KVM_CAP_EXT_CPUID": abi.CAP_EXT_CPUID,
    "KVM_CAP_MP_STATE": abi.CAP_MP_STATE,
    "KVM_CAP_PIT2": abi.CAP_PIT2,
    "KVM_CAP_PIT_STATE2": abi.CAP_PIT_STATE2,
    "KVM_CAP_VCPU_EVENTS": abi.CAP_VCPU_EVENTS,
    "KVM_CAP_IMMEDIATE_EXIT": abi.CAP_IMMEDIATE_EXIT,
}


class KvmError(Exception):
    """A KVM call that failed, or a KVM that cannot run our guests."""


class Kvm:
    """An open /dev/kvm that has been found able to run guests."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        try:
            version = fcntl.ioctl(fd, abi.GET_API_VERSION)
        except OSError as error:
            raise KvmError(f"the descriptor is not /dev/kvm: {error.strerror}") from error
        if version != abi.API_VERSION:
            raise KvmError(f"/dev/kvm has API version {version}, {abi.API_VERSION} is needed")
        missing = [name for name, cap in _REQUIRED.items() if not self.check_extension(cap)]
        if missing:
            raise KvmError(f"this host's KVM lacks {', '.join(missing)}")

    @classmethod
    def open(cls, path: Path = DEVICE) -> Kvm:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise KvmError(f"cannot open {path}: {error.strerror}") from error
        try:
            return cls(fd)
        except KvmError:
            os.close(fd)
            raise

    def check_extension(self, capability: int) -> int:
        return fcntl.ioctl(self.fd, abi.CHECK_EXTENSION, capability)

    def create_vm(self) -> int:
        """A new VM's descriptor."""
        while True:
            try:
                return fcntl.ioctl(self.fd, abi.CREATE_VM, 0)
            except InterruptedError:
                continue
            except OSError as error:
                raise KvmError(f"KVM_CREATE_VM: {error.strerror}") from error

    @property
    def max_vcpus(self) -> int:
        return self.check_extension(abi.CAP_MAX_VCPUS) or self.check_extension(abi.CAP_NR_VCPUS) or 4

    @property
    def vcpu_mmap_size(self) -> int:
        return fcntl.ioctl(self.fd, abi.GET_VCPU_MMAP_SIZE)

    def host_cpu(self) -> HostCpu:
        """What guests can have of this host's processor."""
        try:
            return cpu_of(self.fd)
        except OSError as error:
            raise KvmError(f"KVM_GET_SUPPORTED_CPUID: {error.strerror}") from error

    def msr_indices(self) -> list[int]:
        """The MSRs that make up a vCPU's state (KVM_GET_MSR_INDEX_LIST)."""
        header = abi.MsrListHeader(0)
        try:
            fcntl.ioctl(self.fd, abi.GET_MSR_INDEX_LIST, header)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise KvmError(f"KVM_GET_MSR_INDEX_LIST: {error.strerror}") from error
        buffer = bytearray(ctypes.sizeof(header) + 4 * header.nmsrs)
        abi.MsrListHeader.from_buffer(buffer).nmsrs = header.nmsrs
        fcntl.ioctl(self.fd, abi.GET_MSR_INDEX_LIST, buffer)
        return list(memoryview(buffer)[ctypes.sizeof(header) :].cast("I"))
