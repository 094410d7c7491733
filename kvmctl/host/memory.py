"""The host's memory (proc(5), /proc/meminfo)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE_SIZE: Final = 4096
"""Bytes, on x86."""


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes."""

    total: int
    free: int
    buffers: int
    cached: int


def read() -> Memory:
    fields = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0]) * 1024
    return Memory(fields["MemTotal"], fields["MemFree"], fields["Buffers"], fields["Cached"])


def total() -> int:
    return read().total
