"""A descriptor kept for the time when there is no other: with it, a client can be hung up on."""

import os
import socket
from contextlib import suppress


class Spare:
    def __init__(self) -> None:
        self._descriptor = -1
        self._take()

    def _take(self) -> None:
        with suppress(OSError):
            self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def hang_up(self, listening: socket.socket) -> None:
        """Accept one client and close its connection, so that it is not kept waiting."""
        self.close()
        with suppress(OSError):
            listening.accept()[0].close()
        self._take()
