"""The guests that kvmctl brings: freestanding programs, all the software of a virtual machine, built at
installation."""

from __future__ import annotations

from pathlib import Path


def monitor() -> Path:
    """The demo: an interactive monitor; FileNotFoundError where the package was used without being built."""
    return _program("monitor.elf")


def selftest() -> Path:
    """What `kvmctl doctor` boots; FileNotFoundError likewise."""
    return _program("selftest.elf")


def _program(name: str) -> Path:
    path = Path(__file__).resolve().with_name(name)
    if not path.exists():
        raise FileNotFoundError(f"the guest {path} was not built: install kvmctl with pip, which needs gcc")
    return path
