"""The port where SeaBIOS says what it does (SeaBIOS docs/Debugging.md): line by line into the guest's log."""

from __future__ import annotations

import logging
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform

PORT: Final = 0x402
_PRESENT: Final = 0xE9
"""What the port reads as where somebody listens."""
_LONGEST_LINE: Final = 1000
_MOST_BYTES: Final = 64 << 10
"""From one power-on to the next, so that no guest fills the host's disk."""

log = logging.getLogger(__name__)


class DebugPort(ByteRegisters):
    """One port, written a character at a time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._line = bytearray()
        self._room = _MOST_BYTES

    def read_byte(self, offset: int) -> int:
        return _PRESENT

    def write_byte(self, offset: int, value: int) -> None:
        if not self._room:
            return
        self._room -= 1
        if value != ord("\n"):
            self._line.append(value)
        if value == ord("\n") or not self._room or len(self._line) == _LONGEST_LINE:
            text = self._line.decode("ascii", "backslashreplace").rstrip("\r")
            printable = "".join(char if char.isprintable() else "?" for char in text)
            self._line.clear()
            log.info("firmware: %s", printable)
        if not self._room:
            log.info("the firmware has said enough: the rest of it is not kept")


def attach(platform: Platform) -> list[DebugPort]:
    """Only a machine that starts in a firmware has one."""
    if platform.domain.os.kernel is not None:
        return []
    device = DebugPort()
    platform.bus.ports.add(PORT, 1, device)
    return [device]
