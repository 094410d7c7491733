"""The room's doors: text to domain, domain to text, and what is wrong with either."""

from dataclasses import replace

from kvmctl.domain import files, meaning, schema, source, writer
from kvmctl.domain.errors import DomainError, Finding
from kvmctl.domain.meaning import objects
from kvmctl.domain.model import Domain
from kvmctl.domain.reader import Reader


def parse(text: str | bytes, *, checked: bool = False) -> Domain:
    """The domain of an XML document; DomainError names the first thing in it that is wrong.

    ``checked``: the text is what `format` made of a domain, to which the schema has nothing to add.
    """
    root = source.load(text)
    reader = Reader()
    domain: Domain = reader.read(Domain, root)
    for finding in meaning.findings(domain):
        raise _error(finding, reader.line_of(finding.path))
    # The reader and the findings speak more plainly than a validator, so that they come first.
    if not checked:
        schema.check(root)
    return domain


def format(domain: Domain, *, live: bool = False, checked: bool = False) -> str:
    """libvirt's layout of the XML. ``live`` adds what a running domain has: id, aliases, terminals.

    ``checked``: the domain is one that `parse` has made, whose values XML has brought already.
    """
    if not checked:
        for finding in objects.check(domain):
            raise _error(finding, None)
    return writer.write(domain, live=live)


def validate(domain: Domain) -> list[Finding]:
    """Everything that keeps this domain from being run; the empty list for a good one."""
    return meaning.findings_of_object(domain)


def examine(text: str | bytes, *, on_this_host: bool = False) -> list[Finding]:
    """Everything in a document that is wrong, in the order of its lines; the empty list for a good one.

    `on_this_host`: with the files that a start would miss here, as SYSTEM_ERROR.
    """
    reader = Reader(errors=[])
    errors: list[DomainError] = []
    findings: list[Finding] = []
    try:
        root = source.load(text)
        domain: Domain | None = reader.read(Domain, root)
        if domain is not None:
            findings = [_placed(finding, reader) for finding in meaning.findings(domain)]
        if not reader.errors and not findings:
            schema.check(root)
        if domain is not None and on_this_host:
            findings += [_placed(finding, reader) for finding in files.missing(domain)]
    except DomainError as error:
        errors.append(error)
    errors = [*(reader.errors or []), *errors]
    refused = [error.path for error in errors if error.path]
    findings = [
        *(Finding(error.kind, _without_place(error), error.path, error.line) for error in errors),
        # What was refused is missing for the checks of what things mean together.
        *(finding for finding in findings if not any(_beside(finding.path, path) for path in refused)),
    ]
    return sorted(findings, key=lambda finding: finding.line or 0)


def _placed(finding: Finding, reader: Reader) -> Finding:
    path = None if finding.path is None else reader.path_of(finding.path)
    return replace(finding, path=path, line=reader.line_of(path))


def _beside(path: str | None, refused: str) -> bool:
    """Whether a place is in, or around, the element that something was refused in."""
    element = refused.rpartition("/")[0] if "/@" in refused else refused
    path = f"{path or ''}/"
    return path.startswith(f"{element}/") or f"{element}/".startswith(path.rpartition("/@")[0] or path)


def _without_place(error: DomainError) -> str:
    line = f", line {error.line}" if error.line is not None else ""
    return error.message.replace(f" ({error.path}{line})", "", 1)


def _error(finding: Finding, line: int | None) -> DomainError:
    place = [part for part in (finding.path, line and f"line {line}") if part]
    message = f"{finding.message} ({', '.join(place)})" if place else finding.message
    return DomainError(finding.kind, message, line=line, path=finding.path)
