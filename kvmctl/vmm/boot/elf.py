"""ELF64 executables: the program headers, checked, and loaded to their physical addresses.

System V ABI, "Program Loading". The file comes from whoever wrote the domain: every offset and size in it is
checked against the file and against guest memory before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.source import Source
from kvmctl.vmm.memory import GuestMemory

MAGIC: Final = b"\x7fELF"
_CLASS64: Final = 2
_LITTLE_ENDIAN: Final = 1
_TYPE_EXECUTABLE: Final = 2
_MACHINE_X86_64: Final = 62
_PT_LOAD: Final = 1
_PT_NOTE: Final = 4
# Neither a kernel nor a flat guest has more than a handful; vmlinux has five.
_MAX_PROGRAM_HEADERS: Final = 64
_MAX_NOTES_SIZE: Final = 1 << 20

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_NOTE: Final = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Segment:
    """One PT_LOAD header."""

    offset: int
    gpa: int
    file_size: int
    memory_size: int

    @property
    def end(self) -> int:
        return self.gpa + self.memory_size


@dataclass(frozen=True, slots=True)
class Note:
    """One entry of a PT_NOTE segment."""

    owner: bytes
    type: int
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class Elf:
    """A checked executable; segments are in order of address and do not overlap."""

    entry: int
    segments: tuple[Segment, ...]
    notes: tuple[Note, ...]

    @property
    def start(self) -> int:
        return self.segments[0].gpa

    @property
    def end(self) -> int:
        return self.segments[-1].end


def parse(source: Source) -> Elf:
    """Read the headers; BootError names what is wrong."""
    if source.size < _HEADER.size:
        raise BootError("not a Linux kernel: an ELF file that ends within its header")
    fields = _HEADER.unpack(source.read(0, _HEADER.size))
    identification, kind, machine, _, entry, table_offset, _, _, _, entry_size, count = fields[:11]
    if identification[4] != _CLASS64 or identification[5] != _LITTLE_ENDIAN or machine != _MACHINE_X86_64:
        raise BootError("not a Linux kernel for x86-64: an ELF file for another machine")
    if kind != _TYPE_EXECUTABLE:
        raise BootError("not a Linux kernel: an ELF object or library, not an executable")
    if entry_size != _PROGRAM_HEADER.size or not 0 < count <= _MAX_PROGRAM_HEADERS:
        raise BootError(f"broken ELF file: {count} program headers of {entry_size} bytes")
    if table_offset + count * entry_size > source.size:
        raise BootError("broken ELF file: the program headers lie beyond its end")
    segments: list[Segment] = []
    notes: list[Note] = []
    for header in _PROGRAM_HEADER.iter_unpack(source.read(table_offset, count * entry_size)):
        kind, _, offset, _, gpa, file_size, memory_size, _ = header
        if kind not in (_PT_LOAD, _PT_NOTE):
            continue
        if offset + file_size > source.size:
            raise BootError(
                f"broken ELF file: a segment ends at byte {offset + file_size}, the file at {source.size}"
            )
        if kind == _PT_NOTE:
            notes.extend(_parse_notes(source.read(offset, min(file_size, _MAX_NOTES_SIZE))))
        elif memory_size:
            if file_size > memory_size:
                raise BootError("broken ELF file: a segment is larger in the file than in memory")
            segments.append(Segment(offset, gpa, file_size, memory_size))
    return Elf(entry, _in_order(segments, entry), tuple(notes))


def _in_order(segments: list[Segment], entry: int) -> tuple[Segment, ...]:
    ordered = sorted(segments, key=lambda segment: segment.gpa)
    if not ordered:
        raise BootError("broken ELF file: nothing to load")
    for before, after in pairwise(ordered):
        if before.end > after.gpa:
            raise BootError(f"broken ELF file: two segments overlap at {after.gpa:#x}")
    if not any(segment.gpa <= entry < segment.end for segment in ordered):
        raise BootError(f"broken ELF file: the entry point {entry:#x} is in no segment")
    return tuple(ordered)


def _parse_notes(data: bytes) -> Iterator[Note]:
    """Entries padded to 4 bytes; a broken tail ends the list, as notes decide nothing about safety."""
    position = 0
    while position + _NOTE.size <= len(data):
        owner_size, descriptor_size, kind = _NOTE.unpack_from(data, position)
        owner_at = position + _NOTE.size
        descriptor_at = owner_at + (owner_size + 3) // 4 * 4
        position = descriptor_at + (descriptor_size + 3) // 4 * 4
        if descriptor_at + descriptor_size > len(data):
            return
        owner = data[owner_at : owner_at + owner_size].rstrip(b"\0")
        yield Note(owner, kind, data[descriptor_at : descriptor_at + descriptor_size])


def load(memory: GuestMemory, source: Source, image: Elf, *, lowest: int) -> None:
    """Copy the segments to their physical addresses; none may lie below `lowest`. Memory starts as zeroes."""
    if image.start < lowest:
        raise BootError(f"the kernel loads to {image.start:#x}, below {lowest:#x}, which the boot code needs")
    for segment in image.segments:
        if not _is_ram(memory, segment):
            raise BootError(
                f"the kernel does not fit: it loads to {segment.gpa:#x}-{segment.end - 1:#x}, "
                f"the guest has {mib(memory.size)} of memory"
            )
    for segment in image.segments:
        source.copy_to(memory, segment.gpa, segment.offset, segment.file_size)


def _is_ram(memory: GuestMemory, segment: Segment) -> bool:
    return any(gpa <= segment.gpa and segment.end <= gpa + size for gpa, size in memory.e820())
