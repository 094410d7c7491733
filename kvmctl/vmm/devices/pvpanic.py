"""pvpanic: how a guest's kernel tells of its panic (QEMU docs/specs/pvpanic)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform, PowerRequest

PORT: Final = 0x505
PANICKED: Final = 1 << 0


class PvPanic(ByteRegisters):
    """One port: reading it gives the events that are understood, writing one reports it."""

    def __init__(self, power: Callable[[PowerRequest], None]) -> None:
        self._power = power

    def reset(self) -> None:
        """It has no state."""

    def read_byte(self, offset: int) -> int:
        return PANICKED

    def write_byte(self, offset: int, value: int) -> None:
        if value & PANICKED:
            self._power(PowerRequest.CRASH)


def attach(platform: Platform) -> list[PvPanic]:
    """There is one port, so that a second <panic> of the domain is the same device."""
    if not platform.domain.devices.panics:
        return []
    device = PvPanic(platform.power)
    platform.bus.ports.add(PORT, 1, device)
    return [device]
