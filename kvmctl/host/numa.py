"""Where memory comes from on hosts with several nodes (Linux Documentation/admin-guide/mm/
numa_memory_policy.rst, mbind(2))."""

import ctypes
import os
from collections.abc import Iterable
from typing import Final

_SYS_MBIND: Final = 237
"""On x86-64."""
_MODES: Final = {"preferred": 1, "strict": 2, "interleave": 3}
"""MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, by libvirt's names."""
_WORD: Final = 64


def bind(address: int, length: int, mode: str, nodes: Iterable[int]) -> None:
    """Have the pages of a mapping, which are whole, come from these nodes. Raises OSError."""
    wanted = sorted(nodes)
    words = (max(wanted) // _WORD + 1) if wanted else 1
    mask = (ctypes.c_ulong * words)()
    for node in wanted:
        mask[node // _WORD] |= 1 << node % _WORD
    libc = ctypes.CDLL(None, use_errno=True)
    # The kernel takes the number of bits to be one more than it is.
    done = libc.syscall(
        ctypes.c_long(_SYS_MBIND),
        ctypes.c_ulong(address),
        ctypes.c_ulong(length),
        ctypes.c_ulong(_MODES[mode]),
        mask,
        ctypes.c_ulong(words * _WORD + 1),
        ctypes.c_ulong(0),
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
