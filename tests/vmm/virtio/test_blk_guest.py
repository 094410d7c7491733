"""A bare guest drives the block device on real KVM: every byte against the host's file, and its rate."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.guests.flat.build import build

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


def run(directory: Path, disk: str) -> str:
    program = build("block", directory)
    xml = directory / "guest.xml"
    xml.write_text(
        "<domain type='kvm'><name>block</name><memory unit='MiB'>32</memory>"
        f"<os><type>hvm</type><kernel>{program}</kernel></os><devices>{disk}"
        f"<serial type='file'><source path='{directory}/serial'/></serial></devices></domain>"
    )
    done = subprocess.run(
        [sys.executable, "-m", "kvmctl.vmm", str(xml)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return (directory / "serial").read_text()


def test_every_byte(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(pattern(0))
    disk = f"<disk type='file'><source file='{image}'/><target dev='vda'/><serial>A-serial_1</serial></disk>"
    started = time.monotonic()
    output = run(tmp_path, disk)
    assert "PASS" in output, output
    assert "serial A-serial_1\n" in output
    assert image.read_bytes() == pattern(1)
    read = re.search(r"read (\d+) bytes in (\d+) cycles", output)
    single = re.search(r"1000 single sectors in (\d+) cycles", output)
    assert read and single
    rate = cycles_a_second()
    print(
        f"\n{int(read[1]) / (int(read[2]) / rate) / 1e6:.0f} MB/s in chunks of 64 KiB, "
        f"{int(single[1]) / rate * 1e3:.0f} us a sector, {time.monotonic() - started:.2f} s in all"
    )


def test_a_disk_that_is_read_only_refuses_writes(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(pattern(0))
    output = run(tmp_path, f"<disk type='file'><source file='{image}'/><target dev='vda'/><readonly/></disk>")
    assert "FAIL request refused" in output
    assert image.read_bytes() == pattern(0)
