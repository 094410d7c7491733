"""A vCPU's architectural state as one value, so that a reset puts back exactly what power-on gave."""

from __future__ import annotations

import ctypes
import fcntl
from ctypes import Structure
from dataclasses import dataclass, field

from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.system import Kvm, KvmError


def vcpu_ioctl(fd: int, request: int, name: str, argument: Structure | bytearray | int = 0) -> int:
    try:
        return fcntl.ioctl(fd, request, argument)
    except OSError as error:
        raise KvmError(f"KVM_{name}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class VcpuState:
    """Everything that KVM keeps of a vCPU; `optional` holds what older KVMs lack."""

    regs: abi.Regs
    sregs: abi.Sregs
    fpu: abi.Fpu
    lapic: abi.LapicState
    events: abi.VcpuEvents
    mp_state: abi.MpState
    msrs: bytearray
    optional: list[tuple[int, str, Structure]] = field(default_factory=list)

    @classmethod
    def capture(cls, kvm: Kvm, fd: int, msr_indices: list[int]) -> VcpuState:
        state = cls(
            abi.Regs(),
            abi.Sregs(),
            abi.Fpu(),
            abi.LapicState(),
            abi.VcpuEvents(),
            abi.MpState(),
            read_msrs(fd, msr_indices),
        )
        vcpu_ioctl(fd, abi.GET_REGS, "GET_REGS", state.regs)
        vcpu_ioctl(fd, abi.GET_SREGS, "GET_SREGS", state.sregs)
        vcpu_ioctl(fd, abi.GET_FPU, "GET_FPU", state.fpu)
        vcpu_ioctl(fd, abi.GET_LAPIC, "GET_LAPIC", state.lapic)
        vcpu_ioctl(fd, abi.GET_VCPU_EVENTS, "GET_VCPU_EVENTS", state.events)
        vcpu_ioctl(fd, abi.GET_MP_STATE, "GET_MP_STATE", state.mp_state)
        for capability, get, put, name, struct in (
            (abi.CAP_XCRS, abi.GET_XCRS, abi.SET_XCRS, "XCRS", abi.Xcrs),
            (abi.CAP_XSAVE, abi.GET_XSAVE, abi.SET_XSAVE, "XSAVE", abi.Xsave),
            (abi.CAP_DEBUGREGS, abi.GET_DEBUGREGS, abi.SET_DEBUGREGS, "DEBUGREGS", abi.Debugregs),
        ):
            if kvm.check_extension(capability):
                value = struct()
                vcpu_ioctl(fd, get, f"GET_{name}", value)
                state.optional.append((put, f"SET_{name}", value))
        return state

    def restore(self, fd: int) -> None:
        """Put the state back.

        The MP state comes last: a vCPU that is runnable must not be seen before its registers are right.
        The LAPIC follows the special registers, which hold its base address and mode.
        """
        vcpu_ioctl(fd, abi.SET_SREGS, "SET_SREGS", self.sregs)
        vcpu_ioctl(fd, abi.SET_REGS, "SET_REGS", self.regs)
        vcpu_ioctl(fd, abi.SET_FPU, "SET_FPU", self.fpu)
        for request, name, value in self.optional:
            vcpu_ioctl(fd, request, name, value)
        write_msrs(fd, self.msrs)
        vcpu_ioctl(fd, abi.SET_LAPIC, "SET_LAPIC", self.lapic)
        vcpu_ioctl(fd, abi.SET_VCPU_EVENTS, "SET_VCPU_EVENTS", self.events)
        vcpu_ioctl(fd, abi.SET_MP_STATE, "SET_MP_STATE", self.mp_state)


def read_msrs(fd: int, indices: list[int]) -> bytearray:
    """A kvm_msrs block with the MSRs of `indices` that can be read.

    KVM lists some MSRs that a given CPUID model then refuses, and stops at the first of them;
    those are left out.
    """
    good: list[abi.MsrEntry] = []
    rest = list(indices)
    while rest:
        block = msr_block([abi.MsrEntry(index) for index in rest])
        count = vcpu_ioctl(fd, abi.GET_MSRS, "GET_MSRS", block)
        good += _entries(block)[:count]
        rest = rest[count + 1 :]
    return msr_block(good)


def write_msrs(fd: int, block: bytearray) -> None:
    """Write the MSRs of a block, passing over those that are read-only here."""
    rest = _entries(block)
    while rest:
        count = vcpu_ioctl(fd, abi.SET_MSRS, "SET_MSRS", msr_block(rest))
        rest = rest[count + 1 :]


def msr_block(entries: list[abi.MsrEntry]) -> bytearray:
    return bytearray(bytes(abi.MsrsHeader(len(entries))) + b"".join(map(bytes, entries)))


def _entries(block: bytearray) -> list[abi.MsrEntry]:
    header = abi.MsrsHeader.from_buffer(block)
    offset = ctypes.sizeof(header)
    return list((abi.MsrEntry * header.nmsrs).from_buffer_copy(block, offset))
