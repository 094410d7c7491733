"""Register blocks declared as a table of fields: an access may be narrower or wider than a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    offset: int
    size: int
    read: Callable[[], int]
    write: Callable[[int], None] | None = None


class FieldRegisters:
    """Bytes of no field read as zero and are ignored when written."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def read(self, offset: int, size: int) -> int:
        result = 0
        for field, start, end in self._touched(offset, size):
            value = field.read().to_bytes(field.size, "little")
            part = value[start - field.offset : end - field.offset]
            result |= int.from_bytes(part, "little") << 8 * (start - offset)
        return result

    def write(self, offset: int, size: int, value: int) -> None:
        data = value.to_bytes(size, "little")
        for field, start, end in self._touched(offset, size):
            if field.write is None:
                continue
            merged = bytearray(field.read().to_bytes(field.size, "little"))
            merged[start - field.offset : end - field.offset] = data[start - offset : end - offset]
            field.write(int.from_bytes(merged, "little"))

    def _touched(self, offset: int, size: int) -> list[tuple[Field, int, int]]:
        return [
            (field, max(offset, field.offset), min(offset + size, field.offset + field.size))
            for field in self._fields
            if field.offset < offset + size and offset < field.offset + field.size
        ]
