"""The demo guest: a freestanding program, all the software of a virtual machine, built at installation."""

from __future__ import annotations

from pathlib import Path

NAME = "demo"


def guest() -> Path:
    """The ELF file of the guest."""
    return Path(__file__).resolve().with_name("monitor.elf")
