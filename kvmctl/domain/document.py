"""The room's three doors: text to domain, domain to text, and what is wrong with a domain."""

from kvmctl.domain import meaning, schema, source, writer
from kvmctl.domain.errors import DomainError, Finding
from kvmctl.domain.model import Domain
from kvmctl.domain.reader import Reader


def parse(text: str | bytes) -> Domain:
    """The domain of an XML document whose schema and meaning are in order; DomainError names the first that is not."""
    root = source.load(text)
    reader = Reader()
    domain: Domain = reader.read(Domain, root)
    schema.check(root)
    for finding in meaning.findings(domain):
        raise _error(finding, reader.lines.get(finding.path or ""))
    return domain


def format(domain: Domain, *, live: bool = False) -> str:
    """libvirt's layout of the XML. ``live`` adds what a running domain has: id, aliases, terminals."""
    for finding in meaning.unwritable(domain):
        raise _error(finding, None)
    return writer.write(domain, live=live)


def validate(domain: Domain) -> list[Finding]:
    """Everything that keeps this domain from being run; the empty list for a good one."""
    return meaning.findings(domain)


def _error(finding: Finding, line: int | None) -> DomainError:
    place = "" if finding.path is None else f" ({finding.path}" + (f", line {line})" if line is not None else ")")
    return DomainError(finding.kind, finding.message + place, line=line, path=finding.path)
