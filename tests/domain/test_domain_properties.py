"""For every domain and every document: round trips are exact, and bad text brings DomainError only."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import kvmctl.domain
from kvmctl.domain import Domain, DomainError
from kvmctl.domain.schema import schema_file
from tests.budget import examples
from tests.domain.documents import FULL
from tests.domain.rng_documents import Schema
from tests.domain.strategies import changed_documents, domains


@given(domains())
def test_live_xml_round_trips(domain: Domain) -> None:
    assert kvmctl.domain.validate(domain) == []
    # Only a console's XML has the attribute: a serial port's terminal is its source's path.
    text = kvmctl.domain.format(domain, live=True)
    assert kvmctl.domain.parse(text) == domain
    assert kvmctl.domain.format(kvmctl.domain.parse(text), live=True) == text


@given(domains())
def test_inactive_xml_round_trips(domain: Domain) -> None:
    text = kvmctl.domain.format(domain)
    assert kvmctl.domain.parse(text) == kvmctl.domain.inactive(domain)
    assert kvmctl.domain.parse(text.encode()) == kvmctl.domain.inactive(domain)


@given(domains())
def test_defaults_are_settled_at_once_and_stay_valid(domain: Domain) -> None:
    filled = kvmctl.domain.with_defaults(domain)
    assert kvmctl.domain.with_defaults(filled) == filled
    assert kvmctl.domain.validate(filled) == []
    assert kvmctl.domain.parse(kvmctl.domain.format(filled, live=True)) == filled


@given(st.text() | st.binary())
def test_any_text_is_a_domain_or_a_domain_error(text: str | bytes) -> None:
    _parse(text)


@given(
    st.integers(0, len(FULL)), st.integers(0, 30), st.text(max_size=5) | st.sampled_from(["<", "&", "]]>"])
)
def test_any_spliced_text_is_a_domain_or_a_domain_error(start: int, length: int, text: str) -> None:
    _parse(FULL[:start] + text + FULL[start + length :])


@given(changed_documents())
@examples(300)
def test_any_changed_document_is_a_domain_or_a_domain_error(text: str) -> None:
    _parse(text)


@given(Schema(schema_file()).documents())
def test_any_document_of_the_schema_is_a_domain_or_a_domain_error(root: etree._Element) -> None:
    _parse(etree.tostring(root, encoding="unicode"))


def _parse(text: str | bytes) -> None:
    """Whatever is accepted can be kept: its own XML says the same."""
    try:
        domain = kvmctl.domain.parse(text)
    except DomainError as error:
        assert str(error) and error.message
        return
    written = kvmctl.domain.parse(kvmctl.domain.format(domain, live=True))
    assert replace(written, metadata=None) == replace(domain, metadata=None)
    assert kvmctl.domain.parse(kvmctl.domain.format(written, live=True)) == written
