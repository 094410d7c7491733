"""The boot processor's registers at the guest's first instruction, from what the boot code prepared."""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.boot import Entry, Mode
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.vcpu import Vcpu

# Control registers: Intel SDM volume 3, 2.5
_CR0_PE: Final = 1 << 0
_CR0_MP: Final = 1 << 1
_CR0_ET: Final = 1 << 4
_CR0_NE: Final = 1 << 5
_CR0_WP: Final = 1 << 16
_CR0_AM: Final = 1 << 18
_CR0_PG: Final = 1 << 31
_CR4_PAE: Final = 1 << 5
_CR4_OSFXSR: Final = 1 << 9
_CR4_OSXMMEXCPT: Final = 1 << 10
_EFER_LME: Final = 1 << 8
_EFER_LMA: Final = 1 << 10

# Descriptor types: Intel SDM volume 3, 3.4.5.1 and 3.5
_CODE: Final = 11
_DATA: Final = 3
_BUSY_TSS: Final = 11
_FLAT_LIMIT: Final = 0xFFFF_FFFF
_TSS_LIMIT: Final = 0x67


def start_at(vcpu: Vcpu, entry: Entry) -> None:
    """Put a freshly reset vCPU into the entry's mode, at the entry point."""
    sregs = vcpu.get_sregs()
    dpl = entry.dpl
    long = entry.mode is not Mode.PROTECTED32
    sregs.cs = _segment(entry.code_selector, _CODE, dpl, long=long)
    data = _segment(entry.data_selector, _DATA, dpl, long=False)
    for name in ("ds", "es", "fs", "gs", "ss"):
        setattr(sregs, name, data)
    sregs.tr = abi.Segment(0, _TSS_LIMIT, 0, _BUSY_TSS, 1)
    sregs.gdt = abi.Dtable(entry.gdt_base, entry.gdt_limit)
    sregs.idt = abi.Dtable(0, 0)
    if long:
        sregs.cr0 = _CR0_PE | _CR0_MP | _CR0_ET | _CR0_NE | _CR0_WP | _CR0_AM | _CR0_PG
        sregs.cr3 = entry.cr3
        sregs.cr4 = _CR4_PAE | _CR4_OSFXSR | _CR4_OSXMMEXCPT
        sregs.efer = _EFER_LME | _EFER_LMA
    else:
        sregs.cr0 = _CR0_PE | _CR0_ET
        sregs.cr4 = 0
    vcpu.set_sregs(sregs)
    regs = abi.Regs(
        rip=entry.rip,
        rsp=entry.rsp,
        rbx=entry.rbx,
        rsi=entry.rsi,
        rdi=entry.rdi,
        rflags=entry.rflags,
    )
    vcpu.set_regs(regs)


def _segment(selector: int, kind: int, dpl: int, *, long: bool) -> abi.Segment:
    return abi.Segment(
        base=0,
        limit=_FLAT_LIMIT,
        selector=selector,
        type=kind,
        present=1,
        dpl=dpl,
        db=0 if long else 1,
        s=1,
        l=int(long),
        g=1,
    )
