"""The one element that is ours: <kvmctl:quirks state='off'/> (docs/nested-kvm.md)."""

from __future__ import annotations

import pytest

from kvmctl.domain import DomainError, ErrorKind, Quirks, format, parse
from kvmctl.domain.names import NAMESPACE

DOMAIN = """<domain type='kvm' {declarations}>
  <name>guest</name>
  <memory>65536</memory>
  <os><type>hvm</type></os>
  {ours}
</domain>"""
DECLARED = f"xmlns:kvmctl='{NAMESPACE}'"


def document(ours: str, declarations: str = DECLARED) -> str:
    return DOMAIN.format(ours=ours, declarations=declarations)


@pytest.mark.parametrize(("word", "state"), [("on", True), ("off", False)])
def test_round_trip(word: str, state: bool) -> None:
    domain = parse(document(f"<kvmctl:quirks state='{word}'/>"))
    assert domain.quirks == Quirks(state=state)
    text = format(domain)
    assert f"\n  <kvmctl:quirks xmlns:kvmctl='{NAMESPACE}' state='{word}'/>\n</domain>" in text
    assert parse(text) == domain


def test_any_prefix() -> None:
    domain = parse(document(f"<x:quirks xmlns:x='{NAMESPACE}' state='off'/>", declarations=""))
    assert domain.quirks == Quirks(state=False)


def test_the_namespace_is_written_where_it_is_needed() -> None:
    domain = parse(document(""))
    assert domain.quirks is None
    assert "xmlns" not in format(domain)


@pytest.mark.parametrize(
    ("ours", "kind", "message"),
    [
        ("<kvmctl:quirks state='maybe'/>", ErrorKind.XML_DETAIL, "'maybe'"),
        (
            "<kvmctl:quirks/>",
            ErrorKind.XML_ERROR,
            "missing attribute 'state' (/domain/kvmctl:quirks",
        ),
        ("<kvmctl:quirk state='off'/>", ErrorKind.XML_DETAIL, "did you mean 'quirks'?"),
        ("<quirks state='off'/>", ErrorKind.XML_DETAIL, "unknown element 'quirks'"),
        ("<kvmctl:quirks state='on'/><kvmctl:quirks state='on'/>", ErrorKind.XML_ERROR, "only once"),
        ("<kvmctl:name>x</kvmctl:name>", ErrorKind.XML_DETAIL, "unknown element 'kvmctl:name'"),
    ],
)
def test_refusals(ours: str, kind: ErrorKind, message: str) -> None:
    with pytest.raises(DomainError) as caught:
        parse(document(ours))
    assert message in str(caught.value)
    assert caught.value.kind is kind
    assert caught.value.line == 5
