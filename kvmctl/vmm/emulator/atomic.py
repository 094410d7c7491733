"""Compare-and-exchange on guest memory that other vCPUs use at the same time.

Python has no such operation; GCC's libatomic has (GCC manual, "__atomic Builtins"): for 16 bytes it picks
the processor's CMPXCHG16B. A 16-byte integer by value travels as two 8-byte arguments (System V ABI
for x86-64, 3.2.3), which is what ctypes can pass.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Final

from kvmctl.vmm.emulator.fault import NotHandledError

_SEQ_CST: Final = 5
_WORD: Final = 8


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libatomic.so.1")
    except OSError as error:
        raise NotHandledError(f"needs an atomic exchange: {error} (package libatomic1)") from error


def compare_exchange(view: memoryview, expected: bytes, new: bytes) -> bytes:
    """Store `new` (4, 8 or 16 naturally aligned bytes) where `expected` is; returns what was there."""
    size = len(new)
    target = (ctypes.c_char * size).from_buffer(view)
    found = ctypes.create_string_buffer(expected, size)
    words = [
        ctypes.c_uint64(int.from_bytes(new[start : start + _WORD], "little"))
        for start in range(0, size, _WORD)
    ]
    exchange = getattr(_library(), f"__atomic_compare_exchange_{size}")
    exchange(ctypes.byref(target), found, *words, ctypes.c_int(_SEQ_CST), ctypes.c_int(_SEQ_CST))
    return found.raw
