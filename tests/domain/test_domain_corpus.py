"""libvirt's own domain documents: each is accepted and survives a round trip, or refused by name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from kvmctl.domain import DomainError, format, parse
from tests.domain import libvirt_source

ACCEPTED_AT_LEAST = {"as written": 0, "as type='kvm'": 0}
"""How many of libvirt 9.0's documents are accepted. These numbers only rise.

Most of the documents are of type='qemu', which kvmctl refuses first of all; as type='kvm' the same documents
show what else they have that kvmctl lacks.
"""

_EMULATED = re.compile(rb"(<domain\b[^>]*\btype=)(['\"])qemu\2")


@pytest.fixture(scope="module")
def corpus() -> list[Path]:
    try:
        return libvirt_source.documents()
    except libvirt_source.SourceUnavailable as error:
        pytest.skip(f"libvirt's source cannot be had: {error}")


def _reason(error: DomainError) -> str:
    place = re.sub(r"\[\d+\]", "", error.path or "").lstrip("/") or error.message
    return f"{error.kind.name} {place}"


@pytest.mark.parametrize("variant", ACCEPTED_AT_LEAST)
def test_every_document_is_accepted_or_refused_by_name(
    variant: str, corpus: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(corpus) > 1000
    accepted: list[str] = []
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    for document in corpus:
        text = document.read_bytes()
        if variant != "as written":
            text = _EMULATED.sub(rb"\1'kvm'", text)
        try:
            domain = parse(text)
        except DomainError as error:
            reasons[_reason(error)] += 1
            if not error.message.strip() or not (error.path or error.line):
                wrong.append(f"{document.name}: refused without a place: {error}")
            continue
        accepted.append(document.name)
        written = format(domain)
        if parse(written) != domain or format(parse(written)) != written:
            wrong.append(f"{document.name}: changed by writing and reading")
    with capsys.disabled():
        print(f"\n{len(corpus)} documents of libvirt {variant}, {len(accepted)} accepted, refused for:")
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
    assert not wrong
    assert len(accepted) >= ACCEPTED_AT_LEAST[variant], accepted
