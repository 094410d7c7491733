"""Every type of the protocol, with good bytes and with bad ones."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmctl.driver.rpc import Procedure, types, xdr
from kvmctl.driver.rpc.errors import ErrorMessage
from kvmctl.driver.rpc.message import Header
from kvmctl.driver.rpc.types.base import Bool, Double, Hyper, Int, String, UHyper, UInt
from kvmctl.driver.rpc.xdr import (
    Chars,
    CharString,
    FixedChars,
    FixedOpaque,
    MaxItems,
    Opaque,
    Text,
    XdrError,
    decode,
    encode,
    struct,
)
from tests.budget import examples

from .strategies import values

EVERY_TYPE: list[type[Any]] = sorted(
    {kind for procedure in Procedure for kind in (procedure.arguments, procedure.result) if kind}
    | {kind for kind in vars(types).values() if xdr.is_struct(kind)}
    | {ErrorMessage, Header},
    key=lambda kind: kind.__name__,
)
every_type = pytest.mark.parametrize("kind", EVERY_TYPE, ids=lambda kind: kind.__name__)
few = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


@every_type
@few
@given(data=st.data())
def test_round_trip(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    encoded = encode(value)
    assert len(encoded) % 4 == 0
    assert decode(kind, encoded) == value


@every_type
@few
@given(data=st.data())
def test_damaged_bytes_are_refused_or_mean_something_else(kind: type[Any], data: st.DataObject) -> None:
    damaged = bytearray(encode(data.draw(values(kind))))
    for _ in range(data.draw(st.integers(1, 4))):
        match data.draw(st.sampled_from(["cut", "flip", "length", "extend"])):
            case "cut":
                del damaged[data.draw(st.integers(0, len(damaged))) :]
            case "flip" if damaged:
                bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
                damaged[bit // 8] ^= 1 << bit % 8
            case "length" if damaged:
                word = data.draw(st.integers(0, len(damaged) // 4)) * 4
                damaged[word : word + 4] = data.draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\1\0"]))
            case "extend":
                damaged += data.draw(st.binary(min_size=1, max_size=8))
    try:
        value = decode(kind, damaged)
    except XdrError:
        return
    # The decoder takes only what the encoder writes.
    assert encode(value) == damaged


@examples(300)
@given(kind=st.sampled_from(EVERY_TYPE), noise=st.binary(max_size=200))
def test_noise(kind: type[Any], noise: bytes) -> None:
    with contextlib.suppress(XdrError):
        decode(kind, noise)


@struct
class Sample:
    number: Int
    unsigned: UInt
    hyper: Hyper
    unsigned_hyper: UHyper
    flag: Bool
    real: Double
    text: String
    missing: String | None
    opaque: Annotated[bytes, Opaque(5)]
    fixed: Annotated[bytes, FixedOpaque(3)]
    items: Annotated[tuple[UInt, ...], MaxItems(2)]


SAMPLE = Sample(-1, 2**32 - 1, -2, 2**64 - 1, True, -0.5, "héé", None, b"12345", b"abc", (7, 8))
# Written out by hand from RFC 4506, section 4.
SAMPLE_BYTES = bytes.fromhex(
    "ffffffff ffffffff fffffffffffffffe ffffffffffffffff 00000001 bfe0000000000000"
    "00000005 68c3a9c3 a9000000 00000000 00000005 31323334 35000000 61626300 00000002 00000007 00000008"
)


def test_known_encoding() -> None:
    assert encode(SAMPLE) == SAMPLE_BYTES
    assert decode(Sample, SAMPLE_BYTES) == SAMPLE


@pytest.mark.parametrize("cut", range(len(SAMPLE_BYTES)))
def test_every_truncation_is_refused(cut: int) -> None:
    with pytest.raises(XdrError):
        decode(Sample, SAMPLE_BYTES[:cut])


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(XdrError, match="left over"):
        decode(Sample, SAMPLE_BYTES + bytes(4))


@struct
class Bounded:
    text: Annotated[str, Text(8)]


@struct
class BoundedList:
    items: Annotated[tuple[UInt, ...], MaxItems(2)]


@struct
class Label:
    label: Annotated[str, CharString(4)]


@struct
class Model:
    model: Annotated[str, FixedChars(4)]


@struct
class Sasl:
    data: Annotated[bytes, Chars(4)]


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (Bounded, "00000009 6162636465666768 69000000", "maximum"),
        (Bounded, "00000008 61626364", "left"),
        (Bounded, "00000003 61626300 00000000", "left over"),
        (Bounded, "00000003 61626301", "fill"),
        (Bounded, "00000003 61006300", "NUL"),
        (BoundedList, "00000003 00000001 00000002 00000003", "maximum"),
        (BoundedList, "00000002 00000001", "left"),
        (Label, "00000001 00000061", "NUL"),
        (Label, "00000005 00000061 00000061 00000061 00000061 00000000", "maximum"),
        (Label, "00000000", "NUL"),
        (Model, "00000061 00000000 00000061 00000000", "NUL"),
        (Model, "00000061 00000061 00000061 00000061", "NUL"),
        (Sasl, "00000001 00000080", "char"),
    ],
)
def test_refused(kind: type[Any], data: str, reason: str) -> None:
    with pytest.raises(XdrError, match=reason):
        decode(kind, bytes.fromhex(data))


def test_chars_take_four_bytes_each() -> None:
    assert encode(Model("ab")) == bytes.fromhex("00000061 00000062 00000000 00000000")
    assert encode(Label("a")) == bytes.fromhex("00000002 00000061 00000000")
    assert encode(Sasl(b"\xff")) == bytes.fromhex("00000001 ffffffff")


@pytest.mark.parametrize(
    "value",
    [
        Bounded("a" * 9),
        Bounded("a\0b"),
        Bounded("\ud800"),
        Bounded(b"bytes"),  # type: ignore[arg-type]
        BoundedList((1, 2, 3)),
        BoundedList((-1,)),
        BoundedList(("x",)),  # type: ignore[arg-type]
        types.TypedParam.of("x", types.ParamType.INT, "text"),
        types.DomainLookupByUuidArgs(b"short"),
        types.DomainLookupByNameRet("no domain"),  # type: ignore[arg-type]
    ],
)
def test_values_that_do_not_fit_are_refused(value: object) -> None:
    with pytest.raises(XdrError):
        encode(value)


def test_a_promised_length_allocates_nothing() -> None:
    promise = (65536).to_bytes(4, "big") + bytes(8)
    tracemalloc.start()
    try:
        for kind in EVERY_TYPE:
            for data in (promise, b"\xff" * 64):
                with contextlib.suppress(XdrError):
                    decode(kind, data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
