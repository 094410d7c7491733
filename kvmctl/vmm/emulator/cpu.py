"""What the emulator needs of a virtual CPU."""

from __future__ import annotations

import ctypes
from typing import Protocol

from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.state import vcpu_ioctl
from kvmctl.vmm.kvm.system import KvmError


class Cpu(Protocol):
    """A stopped vCPU whose state may be read and replaced."""

    def get_regs(self) -> abi.Regs: ...
    def set_regs(self, regs: abi.Regs) -> None: ...
    def get_sregs(self) -> abi.Sregs: ...
    def set_sregs(self, sregs: abi.Sregs) -> None: ...
    def get_events(self) -> abi.VcpuEvents: ...
    def set_events(self, events: abi.VcpuEvents) -> None: ...
    def get_debugregs(self) -> abi.Debugregs: ...
    def set_debugregs(self, debugregs: abi.Debugregs) -> None: ...

    def get_xsave(self) -> bytearray:
        """The XSAVE area in the standard format (SDM volume 1, 13.4)."""

    def set_xsave(self, area: bytearray) -> None: ...
    def get_xcr0(self) -> int: ...

    def set_xcr0(self, value: int) -> bool:
        """False when the value asks for state that this CPU does not have."""


class VcpuState(Protocol):
    """The part of `kvmctl.vmm.kvm.vcpu.Vcpu` that `KvmCpu` builds on."""

    fd: int

    def get_regs(self) -> abi.Regs: ...
    def set_regs(self, regs: abi.Regs) -> None: ...
    def get_sregs(self) -> abi.Sregs: ...
    def set_sregs(self, sregs: abi.Sregs) -> None: ...
    def get_events(self) -> abi.VcpuEvents: ...
    def set_events(self, events: abi.VcpuEvents) -> None: ...


class KvmCpu:
    """A vCPU of KVM, between two runs, on its own thread."""

    def __init__(self, vcpu: VcpuState) -> None:
        self._fd = vcpu.fd
        self.get_regs = vcpu.get_regs
        self.set_regs = vcpu.set_regs
        self.get_sregs = vcpu.get_sregs
        self.set_sregs = vcpu.set_sregs
        self.get_events = vcpu.get_events
        self.set_events = vcpu.set_events

    def get_debugregs(self) -> abi.Debugregs:
        debugregs = abi.Debugregs()
        vcpu_ioctl(self._fd, abi.GET_DEBUGREGS, "GET_DEBUGREGS", debugregs)
        return debugregs

    def set_debugregs(self, debugregs: abi.Debugregs) -> None:
        vcpu_ioctl(self._fd, abi.SET_DEBUGREGS, "SET_DEBUGREGS", debugregs)

    def get_xsave(self) -> bytearray:
        # Not KVM_GET_FPU: the kernel leaves MXCSR out of that structure.
        area = bytearray(ctypes.sizeof(abi.Xsave))
        vcpu_ioctl(self._fd, abi.GET_XSAVE, "GET_XSAVE", area)
        return area

    def set_xsave(self, area: bytearray) -> None:
        vcpu_ioctl(self._fd, abi.SET_XSAVE, "SET_XSAVE", area)

    def get_xcr0(self) -> int:
        xcrs = abi.Xcrs()
        vcpu_ioctl(self._fd, abi.GET_XCRS, "GET_XCRS", xcrs)
        for number in range(xcrs.nr_xcrs):
            if xcrs.xcrs[number].xcr == 0:
                return int(xcrs.xcrs[number].value)
        return 1

    def set_xcr0(self, value: int) -> bool:
        xcrs = abi.Xcrs(nr_xcrs=1)
        xcrs.xcrs[0] = abi.Xcr(0, 0, value)
        try:
            vcpu_ioctl(self._fd, abi.SET_XCRS, "SET_XCRS", xcrs)
        except KvmError:
            return False
        return True
