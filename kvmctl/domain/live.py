"""The two states of a definition: what only a running domain has is declared at the field (``live``)."""

from dataclasses import fields, replace
from typing import TypeVar

from kvmctl.domain.binding import Nested, shape_of

T = TypeVar("T")


def inactive(value: T) -> T:
    """The domain, or a part of it, without what only a running one has: id, aliases, terminals."""
    defaults = {one.name: one.default for one in fields(value)}  # type: ignore[arg-type]
    changes = {}
    for bound in shape_of(type(value)).bounds():
        item = getattr(value, bound.name)
        if bound.binding.live(value):
            changes[bound.name] = defaults[bound.name]
        elif isinstance(bound.content, Nested) and item is not None:
            changes[bound.name] = tuple(map(inactive, item)) if bound.content.many else inactive(item)
    return replace(value, **changes)  # type: ignore[type-var]
