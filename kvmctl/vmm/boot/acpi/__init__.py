"""ACPI tables for a guest that is booted without a firmware."""

from __future__ import annotations

from kvmctl.vmm.boot.acpi.aml import AmlError
from kvmctl.vmm.boot.acpi.board import (
    Board,
    MmioDevice,
    NodeMemory,
    PciRoot,
    PowerBlock,
    Processor,
    Uart,
)
from kvmctl.vmm.boot.acpi.tables import build

__all__ = [
    "AmlError",
    "Board",
    "MmioDevice",
    "NodeMemory",
    "PciRoot",
    "PowerBlock",
    "Processor",
    "Uart",
    "build",
]
