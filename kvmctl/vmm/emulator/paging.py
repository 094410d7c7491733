"""Linear to physical addresses: the guest's page tables (Intel SDM volume 3, chapter 4).

No paging, 32-bit paging with 4 MiB pages (and PSE-36), PAE, 4-level and 5-level paging; checks the rights of
the access and sets the accessed and dirty flags as the processor does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from kvmctl.vmm.emulator.fault import GuestFault, NotHandledError, Vector
from kvmctl.vmm.emulator.physical import PhysicalMemory
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.memory import GuestMemoryError

CR0_WP: Final = 1 << 16
CR0_PG: Final = 1 << 31
CR4_PSE: Final = 1 << 4
CR4_PAE: Final = 1 << 5
CR4_LA57: Final = 1 << 12
CR4_SMAP: Final = 1 << 21
CR4_SMEP: Final = 1 << 20
CR4_PKE: Final = 1 << 22
EFER_LMA: Final = 1 << 10
EFER_NXE: Final = 1 << 11
RFLAGS_AC: Final = 1 << 18

_PRESENT: Final = 1 << 0
_WRITABLE: Final = 1 << 1
_USER: Final = 1 << 2
_ACCESSED: Final = 1 << 5
_DIRTY: Final = 1 << 6
_PAGE_SIZE: Final = 1 << 7
_NO_EXECUTE: Final = 1 << 63


class PageFault(IntFlag):
    """The error code of #PF (SDM volume 3, 4.7)."""

    PRESENT = 1
    WRITE = 2
    USER = 4
    RESERVED = 8
    FETCH = 16


@dataclass(frozen=True, slots=True)
class Access:
    """What an access is; `user`: made at CPL 3, `implicit` ones to system tables never are."""

    write: bool = False
    fetch: bool = False
    user: bool = False


class Walker:
    """Translates for one instruction: the control registers do not change under it."""

    def __init__(self, memory: PhysicalMemory, sregs: abi.Sregs, rflags: int, physical_bits: int) -> None:
        self._memory = memory
        self._cr0: int = sregs.cr0
        self._cr3: int = sregs.cr3
        self._cr4: int = sregs.cr4
        self._efer: int = sregs.efer
        self._ac = bool(rflags & RFLAGS_AC)
        self._physical_mask = (1 << physical_bits) - 1

    def translate(self, linear: int, access: Access) -> int:
        """The physical address, or GuestFault(#PF)."""
        if not self._cr0 & CR0_PG:
            return linear & 0xFFFF_FFFF
        if self._efer & EFER_LMA:
            levels = 5 if self._cr4 & CR4_LA57 else 4
            return self._walk(linear, access, levels, 8, self._cr3 & self._physical_mask & ~0xFFF)
        if self._cr4 & CR4_PAE:
            # The four PDPTEs are read as a first level without rights of its own (4.4.1).
            return self._walk(linear & 0xFFFF_FFFF, access, 3, 8, self._cr3 & 0xFFFF_FFE0)
        return self._walk(linear & 0xFFFF_FFFF, access, 2, 4, self._cr3 & 0xFFFF_F000)

    def _walk(self, linear: int, access: Access, levels: int, entry_size: int, table: int) -> int:
        index_bits = 9 if entry_size == 8 else 10
        writable = user = True
        no_execute = False
        path: list[tuple[int, int]] = []
        for level in range(levels, 0, -1):
            shift = 12 + index_bits * (level - 1)
            pae_root = level == 3 and levels == 3
            index = linear >> shift & (3 if pae_root else (1 << index_bits) - 1)
            address = table + index * entry_size
            entry = self._read(address, entry_size)
            if not entry & _PRESENT:
                raise self._fault(linear, access, PageFault(0))
            leaf = level == 1 or self._is_large(entry, level, levels, entry_size)
            if entry & self._reserved(level, levels, entry_size, leaf):
                raise self._fault(linear, access, PageFault.PRESENT | PageFault.RESERVED)
            if not pae_root:
                path.append((address, entry))
                writable &= bool(entry & _WRITABLE)
                user &= bool(entry & _USER)
                no_execute |= entry_size == 8 and bool(entry & _NO_EXECUTE)
            if leaf:
                self._check(linear, access, writable=writable, user=user, no_execute=no_execute)
                self._mark(path, entry_size, dirty=access.write)
                return self._frame(entry, shift, entry_size) | linear & (1 << shift) - 1
            table = entry & (self._physical_mask & ~0xFFF if entry_size == 8 else 0xFFFF_F000)
        raise AssertionError("a walk ends at level 1")

    def _read(self, address: int, size: int) -> int:
        try:
            return int.from_bytes(self._memory.ram.read(address, size), "little")
        except GuestMemoryError as error:
            raise NotHandledError(f"a page table is not in RAM: {error}") from error

    def _is_large(self, entry: int, level: int, levels: int, entry_size: int) -> bool:
        if not entry & _PAGE_SIZE:
            return False
        if entry_size == 4:
            return level == 2 and bool(self._cr4 & CR4_PSE)
        return level == 2 or (level == 3 and levels > 3)

    def _reserved(self, level: int, levels: int, entry_size: int, leaf: bool) -> int:
        """Bits that must be zero in a present entry (4.3 to 4.5)."""
        if entry_size == 4:
            return 1 << 21 if leaf and level == 2 else 0
        bits: int = ((1 << 52) - 1) & ~self._physical_mask
        if levels == 3:
            bits |= 0x7FF << 52  # PAE: 62:52 too
            if level == 3:
                return bits | 0x1E6 | _NO_EXECUTE
        if not self._efer & EFER_NXE:
            bits |= _NO_EXECUTE
        if level >= 4:
            bits |= _PAGE_SIZE
        elif leaf and level > 1:
            bits |= (1 << 12 + 9 * (level - 1)) - 1 & ~0x1FFF
        return bits

    def _frame(self, entry: int, shift: int, entry_size: int) -> int:
        if entry_size == 4 and shift == 22:
            return entry & 0xFFC0_0000 | (entry >> 13 & 0xFF) << 32
        return int(entry & self._physical_mask & ~((1 << shift) - 1))

    def _check(self, linear: int, access: Access, *, writable: bool, user: bool, no_execute: bool) -> None:
        """Access rights (4.6.1)."""
        if user and self._cr4 & CR4_PKE:
            raise NotHandledError("protection keys are in use")
        if access.user:
            allowed = user and (writable or not access.write)
        else:
            allowed = writable or not access.write or not self._cr0 & CR0_WP
            if user and access.fetch:
                allowed = not self._cr4 & CR4_SMEP
            elif user and self._cr4 & CR4_SMAP and not self._ac:
                allowed = False
        if access.fetch and no_execute:
            allowed = False
        if not allowed:
            raise self._fault(linear, access, PageFault.PRESENT)

    def _fault(self, linear: int, access: Access, code: PageFault) -> GuestFault:
        if access.write:
            code |= PageFault.WRITE
        if access.user:
            code |= PageFault.USER
        # I/D is reported only where instruction fetches are told apart.
        if access.fetch and (self._cr4 & CR4_SMEP or (self._cr4 & CR4_PAE and self._efer & EFER_NXE)):
            code |= PageFault.FETCH
        return GuestFault(Vector.PF, int(code), linear)

    def _mark(self, path: list[tuple[int, int]], entry_size: int, *, dirty: bool) -> None:
        """Set the accessed flags of the path and the dirty flag of the leaf (4.8)."""
        for number, (address, entry) in enumerate(path):
            wanted = _ACCESSED
            if dirty and number == len(path) - 1:
                wanted |= _DIRTY
            while entry & wanted != wanted:
                # Other vCPUs and the guest change entries too: never write back a stale one.
                old = entry.to_bytes(entry_size, "little")
                new = (entry | wanted).to_bytes(entry_size, "little")
                found = self._memory.compare_exchange(address, old, new)
                if found == old:
                    break
                entry = int.from_bytes(found, "little")
                if not entry & _PRESENT:
                    break
