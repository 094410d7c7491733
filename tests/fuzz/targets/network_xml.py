"""The XML of a virtual network, and of the parts of one that a running network is given."""

from __future__ import annotations

from kvmctl import network as room
from kvmctl.domain import DomainError
from tests.fuzz.target import Run, Target
from tests.fuzz.xmlmutate import XmlMutator, documents
from tests.network.test_document import FULL

EXAMPLES = documents("examples/network*.xml")


def _run(data: bytes) -> int:
    parsed = room.parse(data)
    text = room.format(parsed)
    assert room.format(room.parse(text)) == text, "what was written is read as something else"
    complete = room.with_defaults(parsed, lambda: "virbr7")
    room.format(complete, live=True)
    room.format(room.inactive(complete))
    return 1


def _prepare() -> Run:
    return _run


TARGET = Target(
    prepare=_prepare,
    seeds=lambda: [FULL.encode(), *EXAMPLES],
    slice=300,
    refusals=(DomainError,),
    mutate=XmlMutator([FULL.encode(), *EXAMPLES]),
    longest=32 << 10,
)
