"""The XML of a domain: read, checked, completed and written again."""

from __future__ import annotations

from kvmctl import domain as room
from kvmctl.domain import DomainError
from tests.domain.documents import FULL, SMALL, small
from tests.fuzz.target import Run, Target
from tests.fuzz.xmlmutate import XmlMutator, documents

EXAMPLES = documents("examples/*.xml", "tests/domain/**/*.xml")


def _run(data: bytes) -> int:
    for finding in room.examine(data):
        assert "\n" not in finding.message
    parsed = room.parse(data)
    text = room.format(parsed)
    again = room.parse(text)
    assert room.format(again) == text, "what was written is read as something else"
    complete = room.with_aliases(room.with_addresses(room.with_defaults(parsed)))
    room.format(room.inactive(complete), live=True)
    room.validate(complete)
    return 1


def _prepare() -> Run:
    return _run


TARGET = Target(
    prepare=_prepare,
    seeds=lambda: [FULL.encode(), SMALL.encode(), small().encode(), *EXAMPLES],
    slice=120,
    refusals=(DomainError,),
    mutate=XmlMutator([FULL.encode(), *EXAMPLES]),
    longest=64 << 10,
    calls=3_000_000,
)
