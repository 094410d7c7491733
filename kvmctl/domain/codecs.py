"""Values of the domain XML: text to a Python value and back."""

import re
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from kvmctl.domain.errors import ErrorKind


class BadValueError(ValueError):
    """A text that is no such value; ``expected`` says what would be one."""

    def __init__(self, expected: str, kind: ErrorKind = ErrorKind.XML_DETAIL) -> None:
        super().__init__(expected)
        self.expected = expected
        self.kind = kind


class ValueCodec(Protocol):
    def parse(self, text: str) -> Any: ...

    def format(self, value: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a pattern; without one any string."""

    expected: str = "text"
    pattern: re.Pattern[str] | None = None

    def parse(self, text: str) -> str:
        if self.pattern is not None and not self.pattern.fullmatch(text):
            raise BadValueError(self.expected)
        return text

    def format(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the words that kvmctl gives a meaning to."""

    words: tuple[str, ...]

    def parse(self, text: str) -> str:
        if text not in self.words:
            raise BadValueError(" or ".join(f"'{word}'" for word in self.words))
        return text

    def format(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A decimal number (libvirt's schemas allow no sign and no space around it)."""

    limit: int

    def parse(self, text: str) -> int:
        if not re.fullmatch("[0-9]+", text):
            raise BadValueError("a decimal number")
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(self.limit)) or int(digits) > self.limit:
            raise BadValueError(f"at most {self.limit}", ErrorKind.OVERFLOW)
        return int(digits)

    def format(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """libvirt's virTristateSwitch without its third state, which is the attribute's absence."""

    on: str
    off: str

    def parse(self, text: str) -> bool:
        if text not in (self.on, self.off):
            raise BadValueError(f"'{self.on}' or '{self.off}'")
        return text == self.on

    def format(self, value: bool) -> str:
        return self.on if value else self.off


@dataclass(frozen=True, slots=True)
class Uuid:
    """32 hexadecimal digits, with hyphens in the usual places or with none."""

    def parse(self, text: str) -> UUID:
        if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", text):
            raise BadValueError("a UUID as 12345678-1234-1234-1234-123456789abc", ErrorKind.XML_ERROR)
        return UUID(text)

    def format(self, value: UUID) -> str:
        return str(value)


def choice(*words: str) -> Choice:
    return Choice(words)


TEXT = Text()
LINE = Text("one line of text, not empty", re.compile(r"[^\n]+"))
ABSOLUTE_PATH = Text("an absolute path", re.compile(r"/[^\n\r]+"))
WORD = Text("a word of letters, digits, '_', '-' and '.'", re.compile(r"[a-zA-Z0-9_.-]+"))
MAC_ADDRESS = Text(
    "a unicast address as 52:54:00:12:34:56",
    re.compile(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}"),
)
INTERFACE_NAME = Text("a network interface's name", re.compile(r"[a-zA-Z0-9_.\-:]{1,15}"))
DISK_TARGET = Text("a virtio disk's name as vda", re.compile(r"vd[a-z]+"))
DISK_SERIAL = Text(
    "1 to 20 letters, digits, '_', '.', '+', '-' and spaces", re.compile(r"[A-Za-z0-9_.+\- ]{1,20}")
)
UINT = Unsigned(2**32 - 1)
ON_OFF = Switch("on", "off")
YES_NO = Switch("yes", "no")
UUID_TEXT = Uuid()
