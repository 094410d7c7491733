"""kvmctl-domain(5) says what the declarations say."""

from __future__ import annotations

from pathlib import Path

from kvmctl.domain import reference

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "man/kvmctl-domain.5"
TABLE = ROOT / "docs/domain.md"


def test_the_page_is_what_the_declarations_give() -> None:
    assert PAGE.read_text("ascii") == reference.page(), (
        "the page is out of date: python -m kvmctl.domain.reference > man/kvmctl-domain.5"
    )


def test_the_table_is_what_the_declarations_give() -> None:
    assert TABLE.read_text() == reference.table(), (
        "the table is out of date: python -m kvmctl.domain.reference --markdown > docs/domain.md"
    )
    rows = TABLE.read_text().splitlines()
    assert "| `domain/memory` | runs | " in "\n".join(rows)
    assert any(row.startswith("| `domain/devices/graphics` | refused | use a &lt;serial") for row in rows)


def test_no_two_entries_of_one_place_and_advice_is_given() -> None:
    lines = reference.page().splitlines()
    places = [line for line in lines if line.startswith(".It Li ")]
    assert len(places) == len(set(places))
    graphics = lines.index(".It Li domain/devices/graphics")
    assert lines[graphics + 1] == r"use a <serial type=\(aqpty\(aq> console"
