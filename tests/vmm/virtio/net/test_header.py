"""What of a driver's frame header reaches the host's kernel."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.net import features, header
from kvmctl.vmm.devices.virtio.net.header import BadHeader, checked

ALL = features.SEND


def head(
    flags: int = 0, kind: int = 0, length: int = 0, segment: int = 0, start: int = 0, offset: int = 0
) -> bytes:
    return struct.pack("<BBHHHHH", flags, kind, length, segment, start, offset, 0xFFFF)


def test_an_empty_header_passes_without_offloads() -> None:
    assert checked(head(), 60, 0) == header.EMPTY


def test_hints_without_a_meaning_do_not_pass() -> None:
    assert checked(head(flags=0xFE, length=7, segment=9, start=3, offset=5), 60, ALL) == header.EMPTY


def test_a_checksum_and_segments_pass() -> None:
    wanted = struct.pack("<BBHHHHH", 1, 1, 54, 1448, 34, 16, 0)
    assert checked(head(1, 1, 54, 1448, 34, 16), 3000, ALL) == wanted


def test_a_header_size_is_at_most_the_frames() -> None:
    assert struct.unpack_from("<H", checked(head(1, 1, 65535, 1448, 34, 16), 3000, ALL), 2) == (3000,)


@pytest.mark.parametrize(
    ("bad", "size", "negotiated"),
    [
        (head(1, start=34, offset=16), 51, ALL),
        (head(1, start=65535, offset=65535), 1000, ALL),
        (head(1, start=0, offset=0), 1000, ALL),
        (head(1, start=34, offset=16), 1000, 0),
        (head(1, 1, 54, 0, 34, 16), 1000, ALL),
        (head(1, 1, 54, 1001, 34, 16), 1000, ALL),
        (head(0, 1, 54, 500, 34, 16), 1000, ALL),
        (head(1, 1, 54, 500, 34, 16), 1000, ALL & ~features.HOST_TSO4),
        (head(1, 4, 54, 500, 34, 16), 1000, ALL & ~features.HOST_TSO6),
        (head(1, 0x81, 54, 500, 34, 16), 1000, ALL & ~features.HOST_ECN),
        (head(1, 5, 54, 500, 34, 16), 1000, ALL),
        (head(1, 2, 54, 500, 34, 16), 1000, ALL),
    ],
)
def test_what_the_kernel_would_have_to_believe_is_refused(bad: bytes, size: int, negotiated: int) -> None:
    with pytest.raises(BadHeader):
        checked(bad, size, negotiated)


@given(
    st.binary(min_size=12, max_size=12), st.integers(14, header.LARGEST_PLAIN_FRAME), st.integers(0, 1 << 24)
)
def test_whatever_passes_lies_in_the_frame(data: bytes, size: int, negotiated: int) -> None:
    try:
        result = checked(data, size, negotiated)
    except BadHeader:
        return
    flags, kind, length, segment, start, offset, _ = struct.unpack("<BBHHHHH", result)
    assert flags in (0, 1)
    assert length <= size
    assert segment <= size
    assert not flags or start + offset + 2 <= size
    assert not kind or (flags and segment)
    assert not flags or negotiated & features.CSUM


@given(st.integers(0, 1 << 24))
def test_features_without_what_they_need_are_dropped(offered: int) -> None:
    kept = features.consistent(offered)
    assert kept & ~offered == 0
    assert features.consistent(kept) == kept
    assert not kept & features.GUEST_TSO4 or kept & features.GUEST_CSUM
    assert not kept & features.HOST_ECN or kept & (features.HOST_TSO4 | features.HOST_TSO6)
    assert not kept & features.CTRL_RX_EXTRA or kept & features.CTRL_VQ
