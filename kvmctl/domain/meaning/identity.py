"""The domain's name."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.model import Domain

LONGEST_NAME = 200
"""Bytes: the name becomes file names with suffixes of their own, and a file name has at most 255."""


def check(domain: Domain) -> Iterator[Finding]:
    path = "/domain/name"
    name = domain.name
    if not name.strip():
        yield Finding(ErrorKind.XML_ERROR, "the name is empty", path)
    elif "/" in name:
        yield Finding(ErrorKind.XML_ERROR, f"name {name} cannot contain '/'", path)
    elif "\n" in name:
        yield Finding(ErrorKind.XML_ERROR, f"invalid char in name: '\\n' in {name!r}", path)
    elif name.startswith("."):
        yield Finding(ErrorKind.XML_ERROR, f"name {name} cannot start with '.'", path)
    elif len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        yield Finding(ErrorKind.XML_ERROR, f"the name is longer than {LONGEST_NAME} bytes", path)
