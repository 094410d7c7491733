"""Block requests on the same file: time and processor time a request, beside QEMU with an iothread."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.bench import peers
from tests.bench.guests.build import build
from tests.bench.measure import Figure, Samples, alternate_lists

_DISK_BYTES = 256 << 20
_PHASES = (
    ("4 KiB random reads, depth 1", 4000),
    ("4 KiB random reads, depth 32", 16000),
    ("4 KiB random writes, depth 32", 8000),
    ("1 MiB sequential reads, depth 4", 256),
)
"""And how many requests, as guests/blk.c makes them."""


def figures() -> list[Figure]:
    if not peers.available(peers.QEMU):
        return []
    rows = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kernel = build("blk", directory)
        image = directory / "disk"
        subprocess.run(
            ["dd", "if=/dev/urandom", f"of={image}", "bs=1M", "count=256", "status=none"], check=True
        )
        assert image.stat().st_size == _DISK_BYTES
        ours = peers.Ours(directory)
        for cache in ("none", "writeback"):
            mine, theirs = alternate_lists(
                _phases(lambda cache=cache: ours.start(kernel, devices=_disk(image, cache))),  # type: ignore[misc]
                _phases(lambda cache=cache: _qemu().start(kernel, devices=_drive(image, cache))),  # type: ignore[misc]
            )
            rows += _rows(cache, mine, theirs)
        ours.close()
    return rows


def _rows(cache: str, mine: list[list[float]], theirs: list[list[float]]) -> list[Figure]:
    rows = []
    for index, (phase, _) in enumerate(_PHASES):
        for column, (what, unit) in enumerate((("", "cycles"), (": processor time", "µs"))):
            place = 2 * index + column
            rows.append(
                Figure(
                    f"{phase}, cache={cache}{what}",
                    unit,
                    Samples(tuple(run[place] for run in mine)),
                    "QEMU, iothread, io_uring",
                    Samples(tuple(run[place] for run in theirs)),
                    1.0,
                )
            )
    return rows


def _disk(image: Path, cache: str) -> str:
    return f"""<disk type='file'><driver name='qemu' type='raw' cache='{cache}' io='io_uring'/>
<source file='{image}'/><target dev='vda' bus='virtio'/></disk>"""


def _qemu() -> peers.Qemu:
    return peers.Qemu("microvm,pcie=on")


def _drive(image: Path, cache: str) -> list[str]:
    return [
        *("-name", "bench,debug-threads=on", "-object", "iothread,id=io"),
        *("-drive", f"file={image},format=raw,if=none,id=disk,cache={cache},aio=io_uring"),
        *("-device", "virtio-blk-pci,drive=disk,disable-legacy=on,iothread=io"),
    ]


def _phases(start: Callable[[], peers.Guest]) -> Callable[[], list[float]]:
    """Cycles a request by the guest's clock, and microseconds of the host's processors, phase by phase."""

    def measure() -> list[float]:
        guest = start()
        try:
            text = _line(guest)
            if text != "ready":
                raise RuntimeError(f"the guest says: {text}")
            result = []
            for _, requests in _PHASES:
                before = _processor_time(guest.pid)
                result.append(float(_line(guest)))
                result.append((_processor_time(guest.pid) - before) / requests / 1000)
            return result
        finally:
            guest.close()

    return measure


def _line(guest: peers.Guest) -> str:
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(guest.serial, 1)
    return text.decode().strip()


def _processor_time(pid: int) -> int:
    """Nanoseconds of all threads but the vCPU's, which waits for its requests by looking."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            if not (task / "comm").read_text().startswith("CPU "):
                total += int((task / "schedstat").read_text().split()[0])
    return total
