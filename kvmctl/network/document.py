"""Text to network and back; DomainError tells what is wrong, as for a domain."""

from typing import TypeVar

from kvmctl.domain import source, writer
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.reader import Reader
from kvmctl.network import meaning, unsupported
from kvmctl.network.model import Network

Part = TypeVar("Part")


def parse(text: str | bytes) -> Network:
    """The network of an XML document; DomainError names the first thing in it that is wrong."""
    reader = Reader()
    root = source.load(text)
    unsupported.refuse(root)
    network: Network = reader.read(Network, root)
    check(network, reader)
    return network


def check(network: Network, reader: Reader | None = None) -> None:
    for finding in meaning.findings(network):
        line = reader.line_of(finding.path) if reader else None
        place = ", ".join(part for part in (finding.path, line and f"line {line}") if part)
        raise DomainError(finding.kind, f"{finding.message} ({place})", line=line, path=finding.path)


def parse_part(text: str, cls: type[Part], element: str) -> Part:
    """One element of a network, as virNetworkUpdate has it."""
    root = source.load(text)
    if root.tag != element:
        message = f"unexpected root element <{root.tag}>, expecting <{element}>"
        raise DomainError(ErrorKind.XML_ERROR, message, line=getattr(root, "sourceline", None))
    # The reader goes by the class's name, which for a part is not its element's.
    root.tag = cls.__name__.lower()
    part: Part = Reader().read(cls, root)
    return part


def format(network: Network, *, live: bool = False) -> str:
    """libvirt's layout of the XML. ``live`` adds what a running network has."""
    return writer.write(network, live=live)
