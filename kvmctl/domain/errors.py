"""What can be wrong with a domain: the kinds carry the names of libvirt's error codes (virErrorNumber)."""

from dataclasses import dataclass
from enum import Enum, auto


class ErrorKind(Enum):
    XML_ERROR = auto()
    """No well-formed XML, or XML whose meaning contradicts itself."""
    XML_DETAIL = auto()
    """Not the domain language: unknown to libvirt too."""
    CONFIG_UNSUPPORTED = auto()
    """The domain language, but more of it than kvmctl runs."""
    INVALID_ARG = auto()
    """A value that its unit or its place does not allow."""
    OVERFLOW = auto()
    """A number that is too large to count with."""
    SYSTEM_ERROR = auto()
    """What only this host lacks, and only a start needs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a domain; ``path`` is the element's or attribute's place in its XML."""

    kind: ErrorKind
    message: str
    path: str | None = None
    line: int | None = None
    """Where it is known: of findings of a document."""


class DomainError(Exception):
    """A domain that cannot be used; ``str()`` is the whole message."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column
        self.path = path
