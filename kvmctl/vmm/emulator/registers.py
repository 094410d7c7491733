"""Where the decoder's registers lie in KVM's structures."""

from __future__ import annotations

from typing import Final

from iced_x86 import Register

_NAMES: Final = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")


def _general() -> dict[int, tuple[str, int, int]]:
    """Register -> (field of abi.Regs, size in bytes, shift in bits)."""
    table: dict[int, tuple[str, int, int]] = {}
    for name in _NAMES:
        wide = f"r{name}"
        table[getattr(Register, wide.upper())] = (wide, 8, 0)
        table[getattr(Register, f"E{name.upper()}")] = (wide, 4, 0)
        table[getattr(Register, name.upper())] = (wide, 2, 0)
        low = f"{name[0]}l" if name.endswith("x") else f"{name}l"
        table[getattr(Register, low.upper())] = (wide, 1, 0)
    for name in ("ax", "cx", "dx", "bx"):
        table[getattr(Register, f"{name[0]}h".upper())] = (f"r{name}", 1, 8)
    for number in range(8, 16):
        for suffix, size in (("", 8), ("D", 4), ("W", 2), ("L", 1)):
            table[getattr(Register, f"R{number}{suffix}")] = (f"r{number}", size, 0)
    return table


GENERAL: Final = _general()
SEGMENTS: Final = {getattr(Register, name.upper()): name for name in ("cs", "ds", "es", "fs", "gs", "ss")}
XMM: Final = {getattr(Register, f"XMM{number}"): number for number in range(16)}
YMM: Final = {getattr(Register, f"YMM{number}"): number for number in range(16)}
MM: Final = {getattr(Register, f"MM{number}"): number for number in range(8)}
