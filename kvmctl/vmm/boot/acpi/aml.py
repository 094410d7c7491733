"""An encoder of ACPI Machine Language (ACPI specification 6.5, chapter 20), one function a term."""

from __future__ import annotations

import re
from typing import Final

_ZERO: Final = b"\x00"
_ONE: Final = b"\x01"
_NAME: Final = b"\x08"
_BYTE: Final = b"\x0a"
_WORD: Final = b"\x0b"
_DWORD: Final = b"\x0c"
_STRING: Final = b"\x0d"
_QWORD: Final = b"\x0e"
_SCOPE: Final = b"\x10"
_BUFFER: Final = b"\x11"
_PACKAGE: Final = b"\x12"
_DUAL_NAME: Final = b"\x2e"
_MULTI_NAME: Final = b"\x2f"
_DEVICE: Final = b"\x5b\x82"

_MAX_PACKAGE_LENGTH: Final = (1 << 28) - 1
_MAX_COUNT: Final = 0xFF
_SEGMENT_SIZE: Final = 4
_NAME_SYNTAX: Final = re.compile(r"(?:\\|\^*)(?:[A-Z_][A-Z0-9_]{0,3}(?:\.[A-Z_][A-Z0-9_]{0,3})*)?")
_EISA_ID: Final = re.compile(r"[A-Z]{3}[0-9A-F]{4}")


class AmlError(ValueError):
    """A value that AML cannot express."""


def package_length(content: int) -> bytes:
    """PkgLength (20.2.4) of a package with `content` bytes after it; it counts its own bytes, too."""
    if content + 1 < 1 << 6:
        return bytes([content + 1])
    for following in (1, 2, 3):
        total = content + 1 + following
        if total < 1 << 4 + 8 * following:
            return bytes([following << 6 | total & 0xF]) + (total >> 4).to_bytes(following, "little")
    raise AmlError(f"a package of {content} bytes is longer than {_MAX_PACKAGE_LENGTH}")


def _package(opcode: bytes, content: bytes) -> bytes:
    return opcode + package_length(len(content)) + content


def name_string(path: str) -> bytes:
    r"""NameString (20.2.2): `\_SB.COM1`, `^^PCI0`, `_HID`; short segments are padded."""
    if not path or not _NAME_SYNTAX.fullmatch(path):
        raise AmlError(f"{path!r} is not an ACPI name")
    stem = path.lstrip("\\^")
    prefix = path[: len(path) - len(stem)].encode()
    segments = [segment.ljust(_SEGMENT_SIZE, "_").encode() for segment in stem.split(".") if segment]
    if not segments:
        return prefix + _ZERO
    if len(segments) > _MAX_COUNT:
        raise AmlError(f"the name has {len(segments)} segments")
    lead = {1: b"", 2: _DUAL_NAME}.get(len(segments), _MULTI_NAME + bytes([len(segments)]))
    return prefix + lead + b"".join(segments)


# Data objects (20.2.3)


def integer(value: int) -> bytes:
    if value in (0, 1):
        return _ONE if value else _ZERO
    for opcode, size in ((_BYTE, 1), (_WORD, 2), (_DWORD, 4), (_QWORD, 8)):
        if 0 <= value < 1 << 8 * size:
            return opcode + value.to_bytes(size, "little")
    raise AmlError(f"{value} is not an unsigned 64-bit integer")


def string(text: str) -> bytes:
    if not text.isascii() or "\0" in text:
        raise AmlError(f"{text!r} is not a string of ASCII characters")
    return _STRING + text.encode() + b"\0"


def eisa_id(text: str) -> bytes:
    """The compressed form of a Plug and Play id (19.6.37 "EISAID"): three letters, four digits."""
    if not _EISA_ID.fullmatch(text):
        raise AmlError(f"{text!r} is not an EISA id")
    letters = 0
    for letter in text[:3]:
        letters = letters << 5 | ord(letter) - ord("@")
    return _DWORD + letters.to_bytes(2, "big") + bytes.fromhex(text[3:])


def buffer(data: bytes) -> bytes:
    return _package(_BUFFER, integer(len(data)) + data)


def package(*elements: bytes) -> bytes:
    if len(elements) > _MAX_COUNT:
        raise AmlError(f"a package of {len(elements)} elements: {_MAX_COUNT} is the most")
    return _package(_PACKAGE, bytes([len(elements)]) + b"".join(elements))


# Named objects (20.2.5.1, 20.2.5.2)


def name(path: str, value: bytes) -> bytes:
    return _NAME + name_string(path) + value


def scope(path: str, *terms: bytes) -> bytes:
    return _package(_SCOPE, name_string(path) + b"".join(terms))


def device(path: str, *terms: bytes) -> bytes:
    return _package(_DEVICE, name_string(path) + b"".join(terms))
