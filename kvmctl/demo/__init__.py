"""The demo guest: a freestanding program, all the software of a virtual machine, built at installation."""

from __future__ import annotations

from pathlib import Path


def monitor() -> Path:
    """The ELF file of the guest; FileNotFoundError where the package was used without being built."""
    path = Path(__file__).resolve().with_name("monitor.elf")
    if not path.exists():
        raise FileNotFoundError(
            f"the demo guest {path} was not built: install kvmctl with pip, which needs gcc"
        )
    return path
