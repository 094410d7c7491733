"""The room's three doors: text to domain, domain to text, and what is wrong with a domain."""

from kvmctl.domain import meaning, schema, source, writer
from kvmctl.domain.errors import DomainError, Finding
from kvmctl.domain.meaning import objects
from kvmctl.domain.model import Domain
from kvmctl.domain.reader import Reader


def parse(text: str | bytes) -> Domain:
    """The domain of an XML document; DomainError names the first thing in it that is wrong."""
    root = source.load(text)
    reader = Reader()
    domain: Domain = reader.read(Domain, root)
    for finding in meaning.findings(domain):
        raise _error(finding, reader.line_of(finding.path))
    # The reader and the findings speak more plainly than a validator, so that they come first.
    schema.check(root)
    return domain


def format(domain: Domain, *, live: bool = False) -> str:
    """libvirt's layout of the XML. ``live`` adds what a running domain has: id, aliases, terminals."""
    for finding in objects.check(domain):
        raise _error(finding, None)
    return writer.write(domain, live=live)


def validate(domain: Domain) -> list[Finding]:
    """Everything that keeps this domain from being run; the empty list for a good one."""
    return meaning.findings(domain)


def _error(finding: Finding, line: int | None) -> DomainError:
    place = [part for part in (finding.path, line and f"line {line}") if part]
    message = f"{finding.message} ({', '.join(place)})" if place else finding.message
    return DomainError(finding.kind, message, line=line, path=finding.path)
