"""The one exception of the boot code."""

from __future__ import annotations


class BootError(Exception):
    """The guest cannot be booted as configured: a wrong or broken file, too little memory. One clear line."""


def mib(size: int) -> str:
    """A size as a person reads it in a message."""
    return f"{size / (1 << 20):.1f} MiB"
