"""Keys of a terminal: bytes to names (ECMA-48 control sequences as xterm sends them)."""

from __future__ import annotations

from collections.abc import Iterator

_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1bOH": "home",
    b"\x1bOF": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1b[3~": "delete",
}
_SINGLE = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "ctrl-c",
    "\x15": "ctrl-u",
}


def keys(data: bytes) -> Iterator[str]:
    """The keys in what one read brought; printable characters are themselves, the unknown is left out."""
    while data:
        if data[:1] == b"\x1b" and data[1:2] in (b"[", b"O"):
            end = next((i for i in range(2, len(data)) if 0x40 <= data[i] <= 0x7E), len(data) - 1) + 1
            name = _SEQUENCES.get(data[:end])
            if name:
                yield name
            data = data[end:]
            continue
        if data[:1] == b"\x1b":
            yield "escape"
            data = data[1:]
            continue
        text, escape, rest = data.partition(b"\x1b")
        for character in text.decode(errors="ignore"):
            name = _SINGLE.get(character)
            if name or character.isprintable():
                yield name or character
        data = escape + rest
