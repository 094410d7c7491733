"""Hostile and broken images: a BootError and nothing else, in bounded memory."""

from __future__ import annotations

import os
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.vmm.boot import BootError, load
from kvmctl.vmm.boot.decompress import decompress
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.boot import images
from tests.vmm.boot.conftest import Load

COMPRESSIONS = list(images.COMPRESSORS)
SMALL = images.elf([images.Segment(images.PT_LOAD, images.LOAD_ADDRESS, images.code()[:4000])])
MEMORY = GuestMemory(64 << 20)
PATIENT = settings(max_examples=80, deadline=None)  # a busy host is no failure


def load_or_refuse(content: bytes) -> None:
    fd = images.as_fd(content)
    try:
        load(MEMORY, fd, None, "")
    except BootError as error:
        assert "\n" not in str(error)
    finally:
        os.close(fd)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Some bits flipped near interesting places or anywhere, perhaps cut short."""
    result = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content) - 1))
        result[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(result[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else result)


@given(damaged(SMALL))
@PATIENT
def test_damaged_elf(content: bytes) -> None:
    load_or_refuse(content)


@given(st.data())
@PATIENT
def test_damaged_elf_headers(data: st.DataObject) -> None:
    header = data.draw(damaged(SMALL[:120]))
    load_or_refuse(header + SMALL[len(header) :])


@given(st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6), st.integers(0, 2**64 - 1))
@PATIENT
def test_any_program_header(fields: list[int], entry: int) -> None:
    content = bytearray(SMALL)
    struct.pack_into("<Q", content, 24, entry)
    struct.pack_into("<6Q", content, 64 + 8, *fields)
    load_or_refuse(bytes(content))


@given(st.binary(max_size=300))
@PATIENT
def test_any_note(note: bytes) -> None:
    segments = [
        images.Segment(images.PT_LOAD, 0x100000, b"\x90" * 16),
        images.Segment(images.PT_NOTE, 0, note),
    ]
    load_or_refuse(images.elf(segments))


@pytest.mark.parametrize("name", COMPRESSIONS)
@given(data=st.data())
@PATIENT
def test_damaged_bzimage(name: str, data: st.DataObject) -> None:
    load_or_refuse(data.draw(damaged(images.bzimage(images.compressed(SMALL, name)))))


@given(st.data())
@PATIENT
def test_damaged_setup_header(data: st.DataObject) -> None:
    image = images.bzimage(images.compressed(SMALL, "gzip"))
    header = data.draw(damaged(image[0x1F1:0x270]))
    load_or_refuse(image[:0x1F1] + header + image[0x1F1 + len(header) :])


@pytest.mark.parametrize("name", COMPRESSIONS)
@given(st.binary(min_size=1, max_size=5000))
@PATIENT
def test_round_trip(name: str, data: bytes) -> None:
    assert decompress(images.compressed(data, name), 5000) == data


@pytest.mark.parametrize("name", COMPRESSIONS)
@given(st.data())
@PATIENT
def test_damaged_payload(name: str, data: st.DataObject) -> None:
    payload = data.draw(damaged(images.compressed(images.code(), name)))
    try:
        assert len(decompress(payload, len(images.code()))) <= len(images.code())
    except BootError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_bomb(name: str) -> None:
    """64 MiB of zeroes that claim to be 1 MiB: refused before they are all there."""
    bomb = images.COMPRESSORS[name](bytes(64 << 20)) + struct.pack("<I", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(BootError, match="more than the size it states"):
            decompress(bomb, 16 << 20)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
    honest = bomb[:-4] + struct.pack("<I", 64 << 20)
    with pytest.raises(BootError, match=r"claims 64\.0 MiB, 16\.0 MiB is the limit"):
        decompress(honest, 16 << 20)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_truncated(name: str) -> None:
    payload = images.compressed(images.code(), name)
    with pytest.raises(BootError, match="corrupt"):
        decompress(payload[: len(payload) // 2] + struct.pack("<I", len(images.code())), 1 << 20)


def test_lz4_of_several_blocks() -> None:
    data = os.urandom(1 << 20) * 17
    assert decompress(images.compressed(data, "lz4"), 32 << 20) == data


@pytest.mark.parametrize(
    ("payload", "what"), [(b"\x89LZO\0\r\n\x1a\n", "LZO, which"), (b"abcdefgh", "unknown way")]
)
def test_unknown_compression(payload: bytes, what: str) -> None:
    with pytest.raises(BootError, match=what):
        decompress(payload, 1 << 20)


def segment(gpa: int, size: int = 16, memory_size: int | None = None) -> images.Segment:
    return images.Segment(images.PT_LOAD, gpa, b"\x90" * size, memory_size)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (images.elf([segment(0x100000), segment(0x100008)]), "overlap at 0x100008"),
        (images.elf([segment(0x100000, 16, 8)]), "larger in the file"),
        (images.elf([segment(0x100000)], entry=0x200000), "entry point 0x200000 is in no segment"),
        (images.elf([segment(0x100000, 16, 1 << 40)]), "does not fit"),
        (images.elf([segment(0xFFFF_FFFF_FFFF_FFF0)]), "does not fit"),
        (images.elf([segment(0xF000)]), "below 0x100000"),
        (images.elf([segment(0x100000)])[:-1], "a segment ends at byte"),
        (images.elf([images.Segment(images.PT_NOTE, 0, b"")], entry=0), "nothing to load"),
        (images.elf([segment(0x100000 * number) for number in range(1, 80)]), "80|79 program headers"),
    ],
)
def test_broken_elf(content: bytes, what: str, boot: Load) -> None:
    with pytest.raises(BootError, match=what):
        boot(content)
