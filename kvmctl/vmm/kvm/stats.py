"""KVM's binary statistics of a VM or a vCPU (Documentation/virt/kvm/api.rst 4.133, KVM_GET_STATS_FD).

What is counted differs from kernel to kernel, so the descriptor of the statistics describes itself: a header,
a record for each statistic, then the values.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

# Not among the constants of abi.py, because nobody makes it in a jail.
_GET_STATS_FD: Final = 0xAECE

_HEADER: Final = struct.Struct("=6I")
"""flags, name_size, num_desc, id_offset, desc_offset, data_offset"""
_RECORD: Final = struct.Struct("=IhHII")
"""flags, exponent, size, offset, bucket_size; the name follows"""
_VALUE_BYTES: Final = 8

# QEMU's names (qapi/stats.json) of what the flags' fields stand for
_TYPES: Final = ("cumulative", "instant", "peak", "linear-histogram", "log2-histogram")
_UNITS: Final = (None, "bytes", "seconds", "cycles", "boolean")
_BASES: Final = (10, 2)

Value = int | bool | list[int]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One of them: what it is called, what it means and where its value is."""

    name: str
    type: str
    unit: str | None
    base: int
    exponent: int
    bucket_size: int
    offset: int
    """In bytes, from the first value on."""
    size: int
    """How many values of 64 bits."""


class Statistics:
    """Those of one VM or vCPU."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        _, self._name_size, self._count, _, self._records_at, self._data_at = _HEADER.unpack(
            os.pread(fd, _HEADER.size, 0)
        )

    @classmethod
    def of(cls, fd: int) -> Statistics | None:
        """Of the VM or vCPU with this descriptor; None where the kernel keeps none (before Linux 5.14)."""
        try:
            return cls(fcntl.ioctl(fd, _GET_STATS_FD))
        except OSError:
            return None

    @cached_property
    def schema(self) -> tuple[Statistic, ...]:
        """All that KVM describes in a way that is known; the rest of a newer kernel's is left out."""
        return tuple(self._described())

    def _described(self) -> Iterator[Statistic]:
        step = _RECORD.size + self._name_size
        records = os.pread(self._fd, step * self._count, self._records_at)
        for at in range(0, len(records) - step + 1, step):
            flags, exponent, size, offset, bucket_size = _RECORD.unpack_from(records, at)
            name, _, _ = records[at + _RECORD.size : at + step].partition(b"\0")
            kind, unit, base = flags & 15, flags >> 4 & 15, flags >> 8 & 15
            if kind < len(_TYPES) and unit < len(_UNITS) and base < len(_BASES) and size:
                yield Statistic(
                    name.decode("ascii", "replace"),
                    _TYPES[kind],
                    _UNITS[unit],
                    _BASES[base],
                    exponent,
                    bucket_size,
                    offset,
                    size,
                )

    def values(self) -> Iterator[tuple[Statistic, Value]]:
        """As they are now. Raises OSError."""
        end = max((each.offset + each.size * _VALUE_BYTES for each in self.schema), default=0)
        data = os.pread(self._fd, end, self._data_at)
        for each in self.schema:
            if each.size > 1:
                yield each, list(struct.unpack_from(f"={each.size}Q", data, each.offset))
                continue
            (value,) = struct.unpack_from("=Q", data, each.offset)
            yield each, bool(value) if each.unit == "boolean" else value
