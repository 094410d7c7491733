"""Sizes with libvirt's units (formatdomain, "Memory Allocation"): the model counts bytes, the XML KiB."""

import re

from kvmctl.domain.codecs import BadValueError, Unsigned
from kvmctl.domain.errors import ErrorKind

KIB = 1024
LARGEST_SIZE = 2**64 - KIB
_EXPONENTS = {letter: exponent for exponent, letter in enumerate("kmgtpe", start=1)}
_NUMBER = Unsigned(2**64 - 1)
_UNITS = "b, bytes, KB, k or KiB, MB, M or MiB, and so on with G, T, P, E"


def factor(unit: str) -> int:
    """The bytes of one unit; letters may be of either case, as for libvirt."""
    lowered = unit.lower()
    if lowered in ("b", "byte", "bytes"):
        return 1
    if match := re.fullmatch("([kmgtpe])(|b|ib)", lowered):
        base = 1000 if match[2] == "b" else 1024
        return int(base ** _EXPONENTS[match[1]])
    raise BadValueError(f"a unit: {_UNITS}", ErrorKind.INVALID_ARG)


def parse_size(number: str, unit: str | None) -> int:
    """Bytes, rounded up to whole KiB; without a unit the number counts KiB."""
    size = _NUMBER.parse(number) * factor("KiB" if unit is None else unit)
    if size > LARGEST_SIZE:
        raise BadValueError(f"at most {LARGEST_SIZE} bytes", ErrorKind.OVERFLOW)
    return whole_kib(size) * KIB


def whole_kib(size: int) -> int:
    return -(-size // KIB)
