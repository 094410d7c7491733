"""Parts of documents that clients send by themselves: a device, metadata, a CPU."""

from lxml import etree

from kvmctl.domain import DomainError, source
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode


def load(text: str, what: str, code: ErrorCode = ErrorCode.XML_DETAIL) -> etree._Element:
    """The root, read with the same care as a domain; `what` is libvirt's name of the part in its errors."""
    try:
        return source.load(text)
    except DomainError as error:
        place = f"line {error.line}, column {error.column}: "
        raise failure(code, f"({what}):{error.line}: {error.message.removeprefix(place)}") from None
