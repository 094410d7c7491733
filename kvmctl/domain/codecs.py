"""Values of the domain XML: text to a Python value and back."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
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
    otherwise: ErrorKind = ErrorKind.XML_DETAIL

    def parse(self, text: str) -> str:
        if self.pattern is not None and not self.pattern.fullmatch(text):
            raise BadValueError(self.expected, self.otherwise)
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
    least: int = 0

    def parse(self, text: str) -> int:
        if not re.fullmatch("[0-9]+", text):
            raise BadValueError("a decimal number")
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(self.limit)) or int(digits) > self.limit:
            raise BadValueError(f"at most {self.limit}", ErrorKind.OVERFLOW)
        if int(digits) < self.least:
            raise BadValueError(f"at least {self.least}")
        return int(digits)

    def format(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Hex:
    """A part of an address: read as C reads numbers, written with that many hexadecimal digits at least."""

    digits: int
    limit: int

    def parse(self, text: str) -> int:
        if not re.fullmatch("0x[0-9a-fA-F]{1,8}|0[0-7]{0,8}|[1-9][0-9]{0,8}", text):
            raise BadValueError("a number as 0x1f")
        octal = text.startswith("0") and not text.startswith("0x")
        value = int(text, 8 if octal else 0)
        if value > self.limit:
            raise BadValueError(f"at most {self.limit:#x}")
        return value

    def format(self, value: int) -> str:
        return f"0x{value:0{self.digits}x}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A decimal number with or without a minus."""

    least: int
    limit: int

    def parse(self, text: str) -> int:
        if not re.fullmatch("-?[0-9]+", text):
            raise BadValueError("a decimal number")
        if len(text) > 40 or not self.least <= int(text) <= self.limit:
            raise BadValueError(f"from {self.least} to {self.limit}", ErrorKind.OVERFLOW)
        return int(text)

    def format(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Seconds of a signed 64-bit number, or the word that asks for none."""

    def parse(self, text: str) -> int | str:
        return text if text == "reset" else Signed(-(2**63), 2**63 - 1).parse(text.removeprefix("+"))

    def format(self, value: int | str) -> str:
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


@dataclass(frozen=True, slots=True)
class IpAddress:
    """An IPv4 or IPv6 address without a zone."""

    def parse(self, text: str) -> IPv4Address | IPv6Address:
        try:
            if "%" in text:
                raise ValueError
            return ip_address(text)
        except ValueError:
            raise BadValueError("an IP address as 192.168.122.1", ErrorKind.XML_ERROR) from None

    def format(self, value: IPv4Address | IPv6Address) -> str:
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
DISK_TARGET = Text("a virtio disk's name as vda", re.compile(r"vd[a-z]+"), ErrorKind.CONFIG_UNSUPPORTED)
DISK_SERIAL = Text(
    "1 to 20 letters, digits, '_', '.', '+', '-' and spaces", re.compile(r"[A-Za-z0-9_.+\- ]{1,20}")
)
UINT = Unsigned(2**32 - 1)
ULONG = Unsigned(2**64 - 1)
ON_OFF = Switch("on", "off")
YES_NO = Switch("yes", "no")
UUID_TEXT = Uuid()
IP_ADDRESS = IpAddress()
