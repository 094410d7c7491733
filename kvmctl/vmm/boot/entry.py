"""The state in which the boot processor starts its guest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """All start in 64-bit mode with paging on; they differ in privilege and in what they are handed."""

    LONG64 = "long64"
    FLAT_RING0 = "flat-ring0"
    FLAT_RING3 = "flat-ring3"


@dataclass(frozen=True, slots=True)
class Entry:
    """Registers for the first instruction; the page tables and the GDT are in guest memory already."""

    mode: Mode
    rip: int
    rsp: int
    cr3: int
    gdt_base: int
    gdt_limit: int
    code_selector: int
    data_selector: int
    rflags: int
    rsi: int = 0
    rdi: int = 0

    @property
    def dpl(self) -> int:
        """The privilege level of CS and SS."""
        return self.code_selector & 3
