"""What an exit to user space costs, as the guest's own clock shows it: beside a bare C loop, and QEMU."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import peers
from tests.bench.guests.build import build
from tests.bench.measure import Figure, Samples, alternate_lists

_HERE = Path(__file__).resolve().parent
_KINDS = ("port access (PIO)", "memory-mapped access (MMIO)", "console byte")


def _bare_loop(program: Path, kernel: Path) -> Callable[[], list[float]]:
    def measure() -> list[float]:
        output = subprocess.run([program, kernel], check=True, capture_output=True).stdout
        return peers.numbers(output)

    return measure


def figures() -> list[Figure]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kernel = build("exits", directory)
        program = directory / "bareloop"
        subprocess.run(["gcc", "-O2", "-Wall", "-o", program, _HERE / "bareloop.c"], check=True)
        ours = peers.Ours(directory)
        contenders = [("a bare C loop", _bare_loop(program, kernel), 1.03)]
        if peers.available(peers.QEMU):
            contenders.append(("QEMU microvm", peers.numbers_of(lambda: peers.Qemu().start(kernel)), 1.0))
        measured = alternate_lists(
            peers.numbers_of(lambda: ours.start(kernel)), *(measure for _, measure, _ in contenders)
        )
        ours.close()
    for index, kind in enumerate(_KINDS):
        mine, *others = [Samples(tuple(run[index] for run in runs)) for runs in measured]
        for (peer, _, goal), theirs in zip(contenders, others, strict=True):
            rows.append(Figure(kind, "cycles", mine, peer, theirs, goal))
    return rows
