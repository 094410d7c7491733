"""PVM: a KVM without hardware virtualization, where the guest's ring 0 runs in KVM's instruction emulator.

What is done here is listed, for people, in kvmctl.host.kind.QUIRKS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kvmctl.host.cpumodel.cpuid import KVM_FEATURES_LEAF, CpuidEntry
from kvmctl.vmm.quirks import Quirks

if TYPE_CHECKING:
    from kvmctl.vmm.kvm.vcpu import Vcpu
    from kvmctl.vmm.memory import GuestMemory

# Leaves 7 and 0xD cannot be masked there; a guest that is told of no leaf beyond 4 does not look at them.
_MAX_LEAF: Final = 4

# CX16, MOVBE, POPCNT, XSAVE, OSXSAVE, AVX, F16C, RDRAND, AES, PCLMULQDQ, SSE4.1/4.2, SSSE3 and FMA:
# the emulator knows none of their instructions.
_LEAF1_ECX_UNKNOWN: Final = sum(1 << bit for bit in (1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 27, 28, 29, 30))

# KVM's emulator executes LZCNT as the BSR of the same opcode, with another result.
_EXTENDED_LEAF: Final = 0x8000_0001
_EXTENDED_ECX_LZCNT: Final = 1 << 5

# Linux Documentation/virt/kvm/x86/cpuid.rst: the clock (both MSR pairs, and its stability), no I/O delay.
_KVM_FEATURES_WITHOUT_HYPERCALL: Final = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 24

# A TSS with its I/O permission bitmap: Intel SDM volume 3, 8.7 and volume 1, 19.5.2. It lies between the
# boot code's page tables and its command line.
_TSS_GPA: Final = 0x1_0000
_TSS_IO_MAP_BASE: Final = 0x66
_TSS_IO_MAP: Final = 0x68
_TSS_SIZE: Final = _TSS_IO_MAP + 0x1_0000 // 8 + 1


class PvmQuirks(Quirks):
    """What a guest needs to live on PVM."""

    name = "pvm"
    # Emulated at 4 MIPS, a guest that is handed the ticks it missed does nothing else any more.
    pit_reinject = False
    linux_cmdline = (
        # XSAVE shows through in CPUID whatever we mask, and cannot be emulated.
        "noxsave",
        # These show through, too; the kernel would patch itself to use them.
        "clearcpuid=popcnt,movbe,aes,avx,ssse3,sse4_2,pclmulqdq,rdrand",
        # Their instructions (VERW, IBPB, thunks) cost much and protect nothing under an emulator.
        "mitigations=off",
        # Calibrating against the PIT fails when an instruction takes a quarter of a microsecond.
        "tsc=reliable",
        "lpj=5200000",
    )

    def cpuid(self, entries: Iterable[CpuidEntry]) -> list[CpuidEntry]:
        return [self._masked(entry) for entry in entries if not _MAX_LEAF < entry.function < 0x4000_0000]

    def _masked(self, entry: CpuidEntry) -> CpuidEntry:
        if entry.function == 0:
            return replace(entry, eax=min(entry.eax, _MAX_LEAF))
        if entry.function == 1:
            return replace(entry, ecx=entry.ecx & ~_LEAF1_ECX_UNKNOWN)
        if entry.function == _EXTENDED_LEAF:
            return replace(entry, ecx=entry.ecx & ~_EXTENDED_ECX_LZCNT)
        if entry.function == KVM_FEATURES_LEAF:
            # A VMCALL there never ends, so no feature that invites a guest to make one.
            return replace(entry, eax=entry.eax & _KVM_FEATURES_WITHOUT_HYPERCALL, edx=0)
        return entry

    def prepare_start(self, memory: GuestMemory, vcpu: Vcpu) -> None:
        # Ring 3 runs natively with IOPL 0 whatever RFLAGS says; its port accesses are then allowed or
        # refused by the I/O permission bitmap of the TSS, which this one opens for all ports.
        sregs = vcpu.get_sregs()
        if sregs.cs.dpl == 0:
            return
        tss = bytearray(_TSS_SIZE)
        tss[_TSS_IO_MAP_BASE : _TSS_IO_MAP_BASE + 2] = _TSS_IO_MAP.to_bytes(2, "little")
        tss[-1] = 0xFF
        memory.write(_TSS_GPA, tss)
        sregs.tr.base = _TSS_GPA
        sregs.tr.limit = _TSS_SIZE - 1
        vcpu.set_sregs(sregs)
