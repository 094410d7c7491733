"""A bare guest drives the block device on real KVM: every byte against the host's file, and its rate."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.vmm.virtio.conftest import FlatGuest

pytestmark = pytest.mark.kvm

SIZE = 8 << 20
WORD = (1 << 64) - 1


def pattern(rounds: int) -> bytes:
    """What tests/guests/flat/block.c writes."""
    words = ((word + 1) * 0x9E37_79B9_7F4A_7C15 & WORD ^ rounds for word in range(SIZE // 8))
    return struct.pack(f"<{SIZE // 8}Q", *words)


def cycles_a_second() -> float:
    text = Path("/proc/cpuinfo").read_text()
    return max(float(mhz) for mhz in re.findall(r"cpu MHz\s*: ([0-9.]+)", text)) * 1e6


def rates(output: str) -> str:
    """What the guest has measured."""
    read = re.search(r"read (\d+) bytes in (\d+) cycles", output)
    single = re.search(r"1000 single sectors in (\d+) cycles", output)
    assert read
    assert single
    rate = cycles_a_second()
    megabytes = int(read[1]) / (int(read[2]) / rate) / 1e6
    return f"{megabytes:.0f} MB/s in chunks of 64 KiB, {int(single[1]) / rate * 1e3:.0f} us a sector"


@pytest.mark.parametrize(
    ("driver", "queues"),
    [("", 1), ("queues='4'", 4), ("cache='none'", 1), ("cache='directsync' queues='2'", 2)],
)
def test_every_byte(tmp_path: Path, run_flat: FlatGuest, driver: str, queues: int) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(pattern(0))
    disk = (
        f"<disk type='file'><driver name='qemu' type='raw' {driver}/><source file='{image}'/>"
        "<target dev='vda'/><serial>A-serial_1</serial></disk>"
    )
    output = run_flat("block", disk)
    assert "PASS" in output, output
    assert f"serial A-serial_1\nqueues {queues}\n" in output
    assert image.read_bytes() == pattern(1)
    print(f"\n{driver or 'default'}: {rates(output)}")


def test_a_disk_that_is_read_only_refuses_writes(tmp_path: Path, run_flat: FlatGuest) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(pattern(0))
    output = run_flat(
        "block", f"<disk type='file'><source file='{image}'/><target dev='vda'/><readonly/></disk>"
    )
    assert "FAIL request refused" in output
    assert image.read_bytes() == pattern(0)
