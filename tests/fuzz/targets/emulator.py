"""Instructions that KVM gives up on: the guest chooses them, its registers, its tables and its memory."""

from __future__ import annotations

import ctypes
import struct

from kvmctl.vmm.kvm import abi
from tests.fuzz.target import Run, Target
from tests.vmm.emulator.fake import XSAVE_SIZE, Guest

_HEAD = struct.Struct("<BBQ")
_FLAGS = 0x0024_4FD5 | 2
_PAGES = ((0x40_0000, 0x10_0000), (0x40_1000, 0x10_1000), (0x50_0000, 0x3F_F000), (0x60_0000, 0xD000_0000))
_CODE = 0x40_0F00
"""Two pages from there on; instructions may cross into the second."""
_INTERESTING = (
    0,
    1,
    0x40_0000,
    0x40_1FF8,
    0x50_0FFC,
    0x60_0000,
    0x60_0FFE,
    0x8000_0000_0000_0000,
    2**64 - 1,
    0xFFFF_FFFF,
)


def _fill(structure: ctypes.Structure, data: bytes) -> None:
    """Registers of numbers that are small, at an edge, or anything."""
    names = [name for name, *_ in structure._fields_ if name not in ("rip", "rflags")]
    for at, name in enumerate(names):
        byte = data[at] if at < len(data) else 0
        setattr(structure, name, _INTERESTING[byte % len(_INTERESTING)] ^ byte >> 4)


def run(data: bytes) -> int:
    """Mode and privilege, control bits, flags; then registers, the state of AVX, and the instruction."""
    mode, control, flags = _HEAD.unpack_from(data.ljust(_HEAD.size, b"\0"))
    rest = data[_HEAD.size :]
    guest = Guest()
    long = mode & 3 >= 2
    cpl = 3 if mode & 4 else 0
    if mode & 3 == 0:
        guest.real_mode()
    elif mode & 3 == 1:
        guest.protected_mode(cpl)
    else:
        guest.long_mode(cpl)
        for linear, physical in _PAGES:
            guest.map(linear, physical, flags=mode >> 3 & 7 | 1)
    regs = abi.Regs()
    _fill(regs, rest[:16])
    regs.rip = _CODE if long else _CODE & 0xFFFF if mode & 3 == 0 else 0x10_0F00
    regs.rflags = flags & _FLAGS | 2
    guest.cpu.regs = regs
    guest.cpu.sregs.cr4 |= (control & 0x0F) << 17 | (control & 0x10) << 5 | (control & 0x20) << 13
    guest.cpu.sregs.cr0 ^= control >> 6 & 3 and (2 if control & 0x40 else 8)
    guest.cpu.xsave[: len(rest)] = rest[:XSAVE_SIZE]
    code = rest[16:48]
    base = regs.rip - _CODE + 0x10_0F00 if long else regs.rip
    guest.ram.write(base, code[: len(guest.ram.data) - base])
    fetched = code if mode & 0x40 else b""
    for _ in range(3):
        problem = guest.emulator.complete(guest.cpu, fetched)
        if problem is not None:
            assert "\n" not in problem
            break
        fetched = b""
    return 1


def _prepare() -> Run:
    run(b"")
    return run


_INSTRUCTIONS = (
    *(
        "cc",
        "cd80",
        "9b",
        "0fae10",
        "0fae27",
        "0fae2f",
        "0f01d0",
        "480fc70e",
        "f30fb8c1",
        "f20f38f0c1",
        "0f01ca",
    ),
    *(
        "0f01cb",
        "d9e8",
        "dd00",
        "0f58c1",
        "660f6f00",
        "c5f858c1",
        "c5fd6f00",
        "f00fb10f",
        "f3a4",
        "0fa2",
        "0f22c0",
    ),
    *(
        "0f20c0",
        "0f23f8",
        "0f30",
        "0f32",
        "f4",
        "0f0b",
        "cf",
        "48cf",
        "0f05",
        "0f07",
        "0f35",
        "c8100000",
        "0fc7f0",
    ),
    *(
        "62f17c4858c1",
        "f3480fae00",
        "0f3800c1",
        "660f3a0fc105",
        "0f18",
        "e4ff",
        "ec",
        "6c",
        "6e",
        "0f01f8",
        "0f00d8",
    ),
)

TARGET = Target(
    prepare=_prepare,
    seeds=lambda: [
        _HEAD.pack(mode, control, 0x202) + bytes(range(16)) + bytes.fromhex(code)
        for code in _INSTRUCTIONS
        for mode, control in ((2, 0x13), (0x7A, 0x32), (6, 0xF2), (1, 0x02), (0, 0))
    ],
    slice=400,
    dictionary=tuple(bytes.fromhex(code) for code in _INSTRUCTIONS),
    longest=512,
)
