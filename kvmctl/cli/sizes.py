"""Amounts of memory and data, as people write and read them."""

from __future__ import annotations

import re

from .errors import Failure, Status

_UNITS = {"": 20, "K": 10, "M": 20, "G": 30, "T": 40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Bytes of `512M`, `1.5GiB` or `2g`; a bare number counts MiB."""
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * (1 << _UNITS[match[2].upper()])) if match else 0
    if not 0 < size < 1 << 63:
        raise Failure(f"'{text}' is not a size", "Write 512M or 2G; a bare number counts MiB.", Status.USAGE)
    return size


def human_size(kib: int) -> str:
    for unit, size in (("TiB", 1 << 30), ("GiB", 1 << 20), ("MiB", 1 << 10)):
        if kib >= size:
            return f"{kib / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{kib} KiB"


def short_size(size: float) -> str:
    """Bytes in at most five characters, for columns: 950, 1.2K, 340M."""
    if size < 1000:
        return f"{size:.0f}"
    for unit in "KMGTP":
        size /= 1024
        if size < 9.95:
            return f"{size:.1f}{unit}"
        if size < 1000:
            break
    return f"{size:.0f}{unit}"


def human_time(seconds: float) -> str:
    """The two largest units: 12s, 3m05s, 2h10m, 5d03h."""
    whole = int(seconds)
    for unit, size, below, step in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // step:02d}{below}"
    return f"{whole}s"
