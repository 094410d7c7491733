"""Random values of the remote protocol's types, read from the annotations that the codecs are made of."""

from __future__ import annotations

import dataclasses
import random
import types as python_types
from enum import IntEnum
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from kvmctl.driver.rpc import xdr

_RANGES: Final = {
    ">i": (-(2**31), 2**31 - 1),
    ">I": (0, 2**32 - 1),
    ">q": (-(2**63), 2**63 - 1),
    ">Q": (0, 2**64 - 1),
}
_MOST_ITEMS: Final = 3


class Values:
    """`texts` and `blobs` are what names, documents and identifiers are taken from."""

    def __init__(self, texts: list[str], blobs: list[bytes]) -> None:
        self._texts = texts
        self._blobs = blobs

    def of(self, kind: Any, rng: random.Random) -> Any:
        """An instance of an XDR type."""
        if get_origin(kind) is Annotated:
            inner, note = get_args(kind)
            return self._scalar(note, inner, rng)
        if isinstance(kind, python_types.UnionType) or get_origin(kind) is not None:
            member = next(member for member in get_args(kind) if member is not type(None))
            return None if rng.randrange(2) else self.of(member, rng)
        if issubclass(kind, IntEnum):
            return rng.choice(list(kind))
        if arms := getattr(kind, xdr._ARMS, None):
            tag = rng.choice(list(arms))
            return kind(tag, self.of(arms[tag], rng))
        hints = get_type_hints(kind, include_extras=True)
        return kind(*[self.of(hints[field.name], rng) for field in dataclasses.fields(xdr.complete(kind))])

    def _scalar(self, note: Any, inner: Any, rng: random.Random) -> Any:
        match note:
            case xdr.Integer(format, low, high):
                least, most = _RANGES[format]
                least, most = least if low is None else low, most if high is None else high
                number = rng.choice(
                    (0, 0, 1, 1, 2, 3, 4, 8, 100, 1024, -1, least, most, rng.randint(least, most))
                )
                return min(max(number, least), most)
            case xdr.Boolean():
                return bool(rng.randrange(2))
            case xdr.Floating():
                return rng.choice((0.0, 1.5, -1e300, float("inf"), float("nan")))
            case xdr.Opaque(maximum) | xdr.Chars(maximum):
                return rng.randbytes(rng.choice((0, 1, 4, 8, 32)))[:maximum]
            case xdr.FixedOpaque(length):
                return rng.choice(
                    [blob for blob in self._blobs if len(blob) == length] or [rng.randbytes(length)]
                )
            case xdr.Text(maximum):
                return self._text(maximum, rng)
            case xdr.CharString(maximum) | xdr.FixedChars(maximum):
                return self._text(maximum - 1, rng)
            case xdr.MaxItems(maximum):
                (item,) = get_args(inner)[:1]
                return tuple(self.of(item, rng) for _ in range(min(maximum, rng.randint(0, _MOST_ITEMS))))
        raise TypeError(f"{note!r} has no values")

    def _text(self, maximum: int, rng: random.Random) -> str:
        text = rng.choice(self._texts)
        return text if len(text.encode("utf-8", "surrogateescape")) <= maximum else ""
