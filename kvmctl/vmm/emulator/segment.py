"""Logical to linear addresses (Intel SDM volume 3, 3.4 and 5.3)."""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.emulator.fault import GuestFault, Vector
from kvmctl.vmm.emulator.paging import CR4_LA57, EFER_LMA
from kvmctl.vmm.kvm import abi

CR0_PE: Final = 1 << 0
RFLAGS_VM: Final = 1 << 17

_CODE: Final = 8
_EXPAND_DOWN: Final = 4  # of a data segment
_READABLE: Final = 2  # of a code segment; writable of a data segment


def code_bits(sregs: abi.Sregs) -> int:
    """The width of the code that runs: 16, 32 or 64."""
    if sregs.efer & EFER_LMA and sregs.cs.l:
        return 64
    return 32 if sregs.cs.db else 16


def protected(sregs: abi.Sregs, rflags: int) -> bool:
    """Protected mode proper: not real, not virtual-8086."""
    return bool(sregs.cr0 & CR0_PE) and not rflags & RFLAGS_VM


def privilege(sregs: abi.Sregs, rflags: int) -> int:
    """The current privilege level: the DPL of SS."""
    if not sregs.cr0 & CR0_PE:
        return 0
    return 3 if rflags & RFLAGS_VM else int(sregs.ss.dpl)


def linear(sregs: abi.Sregs, rflags: int, name: str, offset: int, size: int, *, write: bool) -> int:
    """The linear address of `size` bytes at `offset` in a segment, or GuestFault(#GP or #SS)."""
    segment: abi.Segment = getattr(sregs, name)
    if code_bits(sregs) == 64:
        base = segment.base if name in ("fs", "gs") else 0
        address = (base + offset) & 0xFFFF_FFFF_FFFF_FFFF
        if not _canonical(address, sregs) or not _canonical(address + size - 1, sregs):
            raise _violation(sregs, rflags, name)
        return address
    if protected(sregs, rflags):
        _check_type(segment, sregs, rflags, name, write=write)
    last = offset + size - 1
    if not segment.type & _CODE and segment.type & _EXPAND_DOWN:
        inside = offset > segment.limit and last <= (0xFFFF_FFFF if segment.db else 0xFFFF)
    else:
        inside = last <= segment.limit
    if not inside:
        raise _violation(sregs, rflags, name)
    return int((segment.base + offset) & 0xFFFF_FFFF)


def _check_type(segment: abi.Segment, sregs: abi.Sregs, rflags: int, name: str, *, write: bool) -> None:
    if segment.unusable or not segment.present:
        raise _violation(sregs, rflags, name)
    is_code = bool(segment.type & _CODE)
    second = bool(segment.type & _READABLE)
    permitted = (second and not is_code) if write else (second or not is_code)
    if not permitted:
        raise _violation(sregs, rflags, name)


def _canonical(address: int, sregs: abi.Sregs) -> bool:
    top = address >> (56 if sregs.cr4 & CR4_LA57 else 47)
    return top in (0, (1 << (8 if sregs.cr4 & CR4_LA57 else 17)) - 1)


def _violation(sregs: abi.Sregs, rflags: int, name: str) -> GuestFault:
    vector = Vector.SS if name == "ss" else Vector.GP
    return GuestFault(vector, 0 if sregs.cr0 & CR0_PE else None)
