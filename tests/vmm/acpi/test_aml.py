"""The AML encoder, read back by a small decoder and by the ACPI reference compiler."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.boot.acpi import aml, resources, tables
from tests.budget import examples

IASL = shutil.which("iasl")

FIRST = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
SEGMENTS = st.builds(
    str.__add__, st.sampled_from(FIRST), st.text(st.sampled_from(FIRST + "0123456789"), max_size=3)
)


def decode_length(data: bytes) -> tuple[int, int]:
    """(PkgLength, how many bytes it takes)."""
    following = data[0] >> 6
    if not following:
        return data[0] & 0x3F, 1
    assert not data[0] & 0x30
    return data[0] & 0xF | int.from_bytes(data[1 : 1 + following], "little") << 4, 1 + following


@given(st.integers(0, (1 << 28) - 5))
def test_package_length(content: int) -> None:
    encoded = aml.package_length(content)
    assert decode_length(encoded) == (content + len(encoded), len(encoded))


@pytest.mark.parametrize(
    ("content", "size"),
    [(0, 1), (62, 1), (63, 2), (4093, 2), (4094, 3), ((1 << 20) - 4, 3), ((1 << 20) - 3, 4)],
)
def test_package_length_limits(content: int, size: int) -> None:
    assert len(aml.package_length(content)) == size


def test_package_length_too_long() -> None:
    with pytest.raises(aml.AmlError):
        aml.package_length((1 << 28) - 4)


@given(st.integers(0, (1 << 64) - 1))
def test_integer(value: int) -> None:
    encoded = aml.integer(value)
    if value < 2:
        assert encoded == bytes([value])
    else:
        assert {0x0A: 1, 0x0B: 2, 0x0C: 4, 0x0E: 8}[encoded[0]] == len(encoded) - 1
        assert int.from_bytes(encoded[1:], "little") == value


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_integers_that_are_none(value: int) -> None:
    with pytest.raises(aml.AmlError):
        aml.integer(value)


@given(st.lists(SEGMENTS, min_size=1, max_size=255), st.sampled_from(["", "\\", "^", "^^"]))
def test_names(segments: list[str], prefix: str) -> None:
    encoded = aml.name_string(prefix + ".".join(segments))
    assert encoded.startswith(prefix.encode())
    rest = encoded[len(prefix) :]
    if len(segments) == 2:
        assert rest[0] == 0x2E
        rest = rest[1:]
    elif len(segments) > 2:
        assert rest[:2] == bytes([0x2F, len(segments)])
        rest = rest[2:]
    assert rest == b"".join(segment.ljust(4, "_").encode() for segment in segments)


@pytest.mark.parametrize(
    "name", ["", "a", "1ABC", "ABCDE", "A..B", "A.", ".A", "A\\B", "A^", "\\^A", "ÄB", "A\n"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(aml.AmlError):
        aml.name_string(name)


@given(st.text(max_size=8))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        encoded = aml.name_string(text)
    except aml.AmlError:
        return
    assert encoded.isascii()


@pytest.mark.parametrize(
    ("text", "number"), [("PNP0501", 0x0105D041), ("PNP0A03", 0x030AD041), ("PNP0A08", 0x080AD041)]
)
def test_eisa_id(text: str, number: int) -> None:
    assert aml.eisa_id(text) == b"\x0c" + struct.pack("<I", number)


@pytest.mark.parametrize("text", ["PNP050", "pnp0501", "PNP050G", "PNP05011", "12P0501"])
def test_eisa_ids_that_are_none(text: str) -> None:
    with pytest.raises(aml.AmlError):
        aml.eisa_id(text)


@given(st.binary(max_size=5000))
def test_buffer(data: bytes) -> None:
    encoded = aml.buffer(data)
    length, size = decode_length(encoded[1:])
    assert encoded[0] == 0x11
    assert length == len(encoded) - 1
    count = aml.integer(len(data))
    assert encoded[1 + size :] == count + data


WRONG: list[Callable[[], bytes]] = [
    lambda: aml.package(*[b"\0"] * 256),
    lambda: aml.string("a\0b"),
    lambda: aml.string("ü"),
    lambda: resources.io(0xFFFF, 2),
    lambda: resources.io(0, 0),
    lambda: resources.irq(16),
    lambda: resources.memory32_fixed(1 << 31, 1 << 32),
    lambda: resources.window(resources.Space.IO, 2, 0, 0x10001),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_bounds(wrong: Callable[[], bytes]) -> None:
    with pytest.raises(aml.AmlError):
        wrong()


# Whole definition blocks, for the reference compiler

VALUES = st.one_of(
    st.integers(0, (1 << 64) - 1).map(aml.integer),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80).map(aml.string),
    st.binary(min_size=1, max_size=100).map(aml.buffer),
)
PACKAGES = st.lists(VALUES, min_size=1, max_size=20).map(lambda values: aml.package(*values))


def ports_of(value: tuple[int, int, int]) -> bytes:
    start, size, irq = value
    return resources.template(
        resources.io(start, size),
        resources.irq(irq),
        resources.memory32_fixed(0xE0000000, 0x100000),
        resources.window(resources.Space.BUS, 2, 0, 0x100),
        resources.window(resources.Space.IO, 2, 0xD00, 0xF300),
        resources.window(resources.Space.MEMORY, 4, 0xC0000000, 0x1000000),
        resources.window(resources.Space.MEMORY, 8, 1 << 32, 1 << 36),
    )


RESOURCES = st.tuples(st.integers(0, 0xFE00), st.integers(1, 255), st.integers(0, 15)).map(ports_of)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    names = [f"O{number:03X}" for number in range(draw(st.integers(1, 12)))]
    terms = []
    for name in names:
        value = draw(st.one_of(VALUES, PACKAGES))
        inside = [
            aml.name("_HID", aml.eisa_id("PNP0C02")),
            aml.name("_UID", draw(st.integers(0, 9).map(aml.integer))),
        ]
        inside += [aml.name("_CRS", draw(RESOURCES)), aml.name("VAL", value)]
        terms.append(aml.device(name, *inside))
    return aml.scope("\\_SB", *terms)


@pytest.mark.skipif(IASL is None, reason="iasl is not installed (apt-get install acpica-tools)")
@examples(15)
@given(blocks())
def test_iasl_reads_what_is_encoded(block: bytes) -> None:
    assert IASL is not None
    table = tables.table(b"DSDT", 2, block)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "a.dat").write_bytes(table)
        for arguments in (["-d", "a.dat"], ["-oa", "-p", "b", "a.dsl"]):
            run = subprocess.run([IASL, *arguments], cwd=directory, capture_output=True, text=True)
            assert run.returncode == 0, run.stdout + run.stderr
        again = Path(directory, "b.aml").read_bytes()
    assert again[36:] == table[36:]
