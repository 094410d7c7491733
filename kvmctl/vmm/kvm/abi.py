"""The KVM user-space interface: ioctl numbers and structures.

Source: Linux include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h; meanings in
Documentation/virt/kvm/api.rst. Names are the kernel's, without the KVM_ prefix where the class says it.
"""

from __future__ import annotations

import ctypes
from ctypes import Structure, Union, c_int32, c_uint8, c_uint16, c_uint32, c_uint64
from typing import Final

API_VERSION: Final = 12

_KVMIO: Final = 0xAE
_NONE: Final = 0
_WRITE: Final = 1
_READ: Final = 2


def _ioc(direction: int, number: int, size: int) -> int:
    """Compose an ioctl number as include/uapi/asm-generic/ioctl.h does."""
    return (direction << 30) | (size << 16) | (_KVMIO << 8) | number


def _io(number: int) -> int:
    return _ioc(_NONE, number, 0)


def _ior(number: int, struct: type[Structure]) -> int:
    return _ioc(_READ, number, ctypes.sizeof(struct))


def _iow(number: int, struct: type[Structure]) -> int:
    return _ioc(_WRITE, number, ctypes.sizeof(struct))


def _iowr(number: int, struct: type[Structure]) -> int:
    return _ioc(_READ | _WRITE, number, ctypes.sizeof(struct))


class UserspaceMemoryRegion(Structure):
    _fields_ = (
        ("slot", c_uint32),
        ("flags", c_uint32),
        ("guest_phys_addr", c_uint64),
        ("memory_size", c_uint64),
        ("userspace_addr", c_uint64),
    )


class IdentityMapAddr(Structure):
    _fields_ = (("addr", c_uint64),)


class PitConfig(Structure):
    _fields_ = (("flags", c_uint32), ("pad", c_uint32 * 15))


class ReinjectControl(Structure):
    _fields_ = (("pit_reinject", c_uint8), ("reserved", c_uint8 * 31))


class IrqLevel(Structure):
    _fields_ = (("irq", c_uint32), ("level", c_uint32))


class Irqchip(Structure):
    """One of the two PICs or the IOAPIC; the chip's state is opaque here, it is only saved and restored."""

    _fields_ = (("chip_id", c_uint32), ("pad", c_uint32), ("state", c_uint8 * 512))


class PitState2(Structure):
    """The in-kernel PIT, opaque here: three channels of 24 bytes, flags, nine reserved words."""

    _fields_ = (("channels", c_uint64 * 9), ("flags", c_uint32), ("reserved", c_uint32 * 9))


class Irqfd(Structure):
    _fields_ = (
        ("fd", c_uint32),
        ("gsi", c_uint32),
        ("flags", c_uint32),
        ("resamplefd", c_uint32),
        ("pad", c_uint8 * 16),
    )


class Ioeventfd(Structure):
    _fields_ = (
        ("datamatch", c_uint64),
        ("addr", c_uint64),
        ("len", c_uint32),
        ("fd", c_int32),
        ("flags", c_uint32),
        ("pad", c_uint8 * 36),
    )


class IrqRoutingIrqchip(Structure):
    _fields_ = (("irqchip", c_uint32), ("pin", c_uint32))


class IrqRoutingMsi(Structure):
    _fields_ = (
        ("address_lo", c_uint32),
        ("address_hi", c_uint32),
        ("data", c_uint32),
        ("devid", c_uint32),
    )


class IrqRoutingTarget(Union):
    _fields_ = (("irqchip", IrqRoutingIrqchip), ("msi", IrqRoutingMsi), ("pad", c_uint32 * 8))


class IrqRoutingEntry(Structure):
    _fields_ = (
        ("gsi", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("pad", c_uint32),
        ("u", IrqRoutingTarget),
    )


class IrqRoutingHeader(Structure):
    _fields_ = (("nr", c_uint32), ("flags", c_uint32))


class EnableCap(Structure):
    _fields_ = (("cap", c_uint32), ("flags", c_uint32), ("args", c_uint64 * 4), ("pad", c_uint8 * 64))


class Cpuid2Header(Structure):
    _fields_ = (("nent", c_uint32), ("padding", c_uint32))


class MsrListHeader(Structure):
    _fields_ = (("nmsrs", c_uint32),)


class MsrEntry(Structure):
    _fields_ = (("index", c_uint32), ("reserved", c_uint32), ("data", c_uint64))


class MsrsHeader(Structure):
    _fields_ = (("nmsrs", c_uint32), ("pad", c_uint32))


class Regs(Structure):
    _fields_ = (
        *((name, c_uint64) for name in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp")),
        *((f"r{number}", c_uint64) for number in range(8, 16)),
        ("rip", c_uint64),
        ("rflags", c_uint64),
    )


class Segment(Structure):
    _fields_ = (
        ("base", c_uint64),
        ("limit", c_uint32),
        ("selector", c_uint16),
        ("type", c_uint8),
        ("present", c_uint8),
        ("dpl", c_uint8),
        ("db", c_uint8),
        ("s", c_uint8),
        ("l", c_uint8),
        ("g", c_uint8),
        ("avl", c_uint8),
        ("unusable", c_uint8),
        ("padding", c_uint8),
    )


class Dtable(Structure):
    _fields_ = (("base", c_uint64), ("limit", c_uint16), ("padding", c_uint16 * 3))


class Sregs(Structure):
    _fields_ = (
        *((name, Segment) for name in ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt")),
        *((name, Dtable) for name in ("gdt", "idt")),
        *((name, c_uint64) for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "efer", "apic_base")),
        ("interrupt_bitmap", c_uint64 * 4),
    )


class Fpu(Structure):
    _fields_ = (
        ("fpr", (c_uint8 * 16) * 8),
        ("fcw", c_uint16),
        ("fsw", c_uint16),
        ("ftwx", c_uint8),
        ("pad1", c_uint8),
        ("last_opcode", c_uint16),
        ("last_ip", c_uint64),
        ("last_dp", c_uint64),
        ("xmm", (c_uint8 * 16) * 16),
        ("mxcsr", c_uint32),
        ("pad2", c_uint32),
    )


class LapicState(Structure):
    _fields_ = (("regs", c_uint8 * 0x400),)


class MpState(Structure):
    _fields_ = (("mp_state", c_uint32),)


class Xsave(Structure):
    _fields_ = (("region", c_uint32 * 1024),)


class Xcr(Structure):
    _fields_ = (("xcr", c_uint32), ("reserved", c_uint32), ("value", c_uint64))


class Xcrs(Structure):
    _fields_ = (
        ("nr_xcrs", c_uint32),
        ("flags", c_uint32),
        ("xcrs", Xcr * 16),
        ("padding", c_uint64 * 16),
    )


class Debugregs(Structure):
    _fields_ = (
        ("db", c_uint64 * 4),
        ("dr6", c_uint64),
        ("dr7", c_uint64),
        ("flags", c_uint64),
        ("reserved", c_uint64 * 9),
    )


class EventException(Structure):
    _fields_ = (
        ("injected", c_uint8),
        ("nr", c_uint8),
        ("has_error_code", c_uint8),
        ("pending", c_uint8),
        ("error_code", c_uint32),
    )


class VcpuEvents(Structure):
    _fields_ = (
        ("exception", EventException),
        ("interrupt", c_uint8 * 4),
        ("nmi", c_uint8 * 4),
        ("sipi_vector", c_uint32),
        ("flags", c_uint32),
        ("smi", c_uint8 * 4),
        ("triple_fault", c_uint8),
        ("reserved", c_uint8 * 26),
        ("exception_has_payload", c_uint8),
        ("exception_payload", c_uint64),
    )


class EmulationFailure(Structure):
    """The exit data of INTERNAL_ERROR/EMULATION; `internal` shares its first two words."""

    _fields_ = (
        ("suberror", c_uint32),
        ("ndata", c_uint32),
        ("flags", c_uint64),
        ("insn_size", c_uint8),
        ("insn_bytes", c_uint8 * 15),
    )


class SystemEvent(Structure):
    _fields_ = (("type", c_uint32), ("ndata", c_uint32), ("data", c_uint64 * 16))


class FailEntry(Structure):
    _fields_ = (("hardware_entry_failure_reason", c_uint64), ("cpu", c_uint32))


# struct kvm_run: offsets of what the run loop touches (checked against the header by a test)
RUN_IMMEDIATE_EXIT: Final = 1
RUN_EXIT_DATA: Final = 32

# ioctls of /dev/kvm
GET_API_VERSION: Final = _io(0x00)
CREATE_VM: Final = _io(0x01)
GET_MSR_INDEX_LIST: Final = _iowr(0x02, MsrListHeader)
CHECK_EXTENSION: Final = _io(0x03)
GET_VCPU_MMAP_SIZE: Final = _io(0x04)
GET_SUPPORTED_CPUID: Final = _iowr(0x05, Cpuid2Header)

# ioctls of a VM
CREATE_VCPU: Final = _io(0x41)
SET_USER_MEMORY_REGION: Final = _iow(0x46, UserspaceMemoryRegion)
SET_TSS_ADDR: Final = _io(0x47)
SET_IDENTITY_MAP_ADDR: Final = _iow(0x48, IdentityMapAddr)
CREATE_IRQCHIP: Final = _io(0x60)
IRQ_LINE: Final = _iow(0x61, IrqLevel)
GET_IRQCHIP: Final = _iowr(0x62, Irqchip)
SET_IRQCHIP: Final = _ior(0x63, Irqchip)
SET_GSI_ROUTING: Final = _iow(0x6A, IrqRoutingHeader)
REINJECT_CONTROL: Final = _io(0x71)
IRQFD: Final = _iow(0x76, Irqfd)
CREATE_PIT2: Final = _iow(0x77, PitConfig)
IOEVENTFD: Final = _iow(0x79, Ioeventfd)
GET_PIT2: Final = _ior(0x9F, PitState2)
SET_PIT2: Final = _iow(0xA0, PitState2)
ENABLE_CAP: Final = _iow(0xA3, EnableCap)

# ioctls of a vCPU
RUN: Final = _io(0x80)
GET_REGS: Final = _ior(0x81, Regs)
SET_REGS: Final = _iow(0x82, Regs)
GET_SREGS: Final = _ior(0x83, Sregs)
SET_SREGS: Final = _iow(0x84, Sregs)
GET_MSRS: Final = _iowr(0x88, MsrsHeader)
SET_MSRS: Final = _iow(0x89, MsrsHeader)
GET_FPU: Final = _ior(0x8C, Fpu)
SET_FPU: Final = _iow(0x8D, Fpu)
GET_LAPIC: Final = _ior(0x8E, LapicState)
SET_LAPIC: Final = _iow(0x8F, LapicState)
SET_CPUID2: Final = _iow(0x90, Cpuid2Header)
GET_MP_STATE: Final = _ior(0x98, MpState)
SET_MP_STATE: Final = _iow(0x99, MpState)
GET_VCPU_EVENTS: Final = _ior(0x9F, VcpuEvents)
SET_VCPU_EVENTS: Final = _iow(0xA0, VcpuEvents)
NMI: Final = _io(0x9A)
SET_TSC_KHZ: Final = _io(0xA2)
KVMCLOCK_CTRL: Final = _io(0xAD)
GET_DEBUGREGS: Final = _ior(0xA1, Debugregs)
SET_DEBUGREGS: Final = _iow(0xA2, Debugregs)
GET_XSAVE: Final = _ior(0xA4, Xsave)
SET_XSAVE: Final = _iow(0xA5, Xsave)
GET_XCRS: Final = _ior(0xA6, Xcrs)
SET_XCRS: Final = _iow(0xA7, Xcrs)

# capabilities (KVM_CAP_*)
CAP_IRQCHIP: Final = 0
CAP_USER_MEMORY: Final = 3
CAP_SET_TSS_ADDR: Final = 4
CAP_EXT_CPUID: Final = 7
CAP_NR_VCPUS: Final = 9
CAP_MP_STATE: Final = 14
CAP_REINJECT_CONTROL: Final = 24
CAP_IRQFD: Final = 32
CAP_PIT2: Final = 33
CAP_PIT_STATE2: Final = 35
CAP_IOEVENTFD: Final = 36
CAP_SET_IDENTITY_MAP_ADDR: Final = 37
CAP_VCPU_EVENTS: Final = 41
CAP_DEBUGREGS: Final = 50
CAP_XSAVE: Final = 55
CAP_XCRS: Final = 56
CAP_MAX_VCPUS: Final = 66
CAP_IMMEDIATE_EXIT: Final = 136
CAP_EXIT_ON_EMULATION_FAILURE: Final = 204

PIT_SPEAKER_DUMMY: Final = 1
MEM_READONLY: Final = 1 << 1
IRQFD_FLAG_DEASSIGN: Final = 1
IOEVENTFD_FLAG_DATAMATCH: Final = 1
IOEVENTFD_FLAG_PIO: Final = 2
IOEVENTFD_FLAG_DEASSIGN: Final = 4
IRQ_ROUTING_IRQCHIP: Final = 1
IRQ_ROUTING_MSI: Final = 2

VCPUEVENT_VALID_SHADOW: Final = 4

MP_STATE_RUNNABLE: Final = 0
MP_STATE_UNINITIALIZED: Final = 1

INTERNAL_ERROR_EMULATION: Final = 1
EMULATION_FLAG_INSTRUCTION_BYTES: Final = 1

SYSTEM_EVENT_SHUTDOWN: Final = 1
SYSTEM_EVENT_RESET: Final = 2
SYSTEM_EVENT_CRASH: Final = 3

EXIT_HLT: Final = 5
EXIT_IRQ_WINDOW_OPEN: Final = 7
EXIT_SHUTDOWN: Final = 8
EXIT_FAIL_ENTRY: Final = 9
EXIT_INTR: Final = 10
EXIT_INTERNAL_ERROR: Final = 17
EXIT_SYSTEM_EVENT: Final = 24
