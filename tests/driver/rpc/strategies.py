"""Hypothesis strategies read from the same annotations as the codecs."""

from __future__ import annotations

import dataclasses
import types as python_types
from enum import IntEnum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from kvmctl.driver.rpc import xdr

_FORMATS = {
    ">i": (-(2**31), 2**31 - 1),
    ">I": (0, 2**32 - 1),
    ">q": (-(2**63), 2**63 - 1),
    ">Q": (0, 2**64 - 1),
}


def _text(limit: int) -> st.SearchStrategy[str]:
    """Mostly text, sometimes bytes that are not UTF-8."""
    readable = st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=min(limit // 4, 20)
    )
    raw = st.binary(max_size=min(limit, 20)).map(lambda data: data.replace(b"\0", b"\xff"))
    return readable | raw.map(lambda data: data.decode("utf-8", "surrogateescape"))


def _scalar(note: Any, inner: Any) -> st.SearchStrategy[Any] | None:
    match note:
        case xdr.Integer(format, low, high):
            least, most = _FORMATS[format]
            return st.integers(least if low is None else low, most if high is None else high)
        case xdr.Boolean():
            return st.booleans()
        case xdr.Floating():
            return st.floats(allow_nan=False)
        case xdr.Opaque(maximum) | xdr.Chars(maximum):
            return st.binary(max_size=min(maximum, 40))
        case xdr.FixedOpaque(length):
            return st.binary(min_size=length, max_size=length)
        case xdr.Text(maximum):
            return _text(maximum)
        case xdr.CharString(maximum) | xdr.FixedChars(maximum):
            return _text(maximum - 1)
        case xdr.MaxItems(maximum):
            return st.lists(values(get_args(inner)[0]), max_size=min(maximum, 3)).map(tuple)
    return None


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Instances of an XDR type."""
    if get_origin(kind) is Annotated:
        inner, note = get_args(kind)
        found = _scalar(note, inner)
        assert found is not None, kind
        return found
    if isinstance(kind, python_types.UnionType) or get_origin(kind) is not None:
        return st.none() | values(next(member for member in get_args(kind) if member is not type(None)))
    if issubclass(kind, IntEnum):
        return st.sampled_from(list(kind))
    if arms := getattr(kind, xdr._ARMS, None):
        return st.one_of([st.builds(kind, st.just(tag), values(arm)) for tag, arm in arms.items()])
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, *[values(hints[field.name]) for field in dataclasses.fields(xdr.complete(kind))])
