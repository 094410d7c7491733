"""The name that the kernel shows for a thread (prctl(2), PR_SET_NAME)."""

import ctypes
from typing import Final

_PR_SET_NAME: Final = 15
_NAME_SIZE: Final = 15


def name_thread(name: str) -> None:
    """Name the calling thread; what is beyond 15 bytes is cut off."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:_NAME_SIZE], 0, 0, 0)
