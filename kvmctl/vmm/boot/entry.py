"""The state in which the boot processor starts its guest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """64-bit mode with paging on, but for PROTECTED32; they differ in privilege and in what they get."""

    LONG64 = "long64"
    FLAT_RING0 = "flat-ring0"
    FLAT_RING3 = "flat-ring3"
    PROTECTED32 = "protected32"


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
    rbx: int = 0

    @property
    def dpl(self) -> int:
        """The privilege level of CS and SS."""
        return self.code_selector & 3
