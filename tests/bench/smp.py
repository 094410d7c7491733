"""Exits a second of several vCPUs at once: how far the VMM lets them run side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench import peers
from tests.bench.guests.build import build
from tests.bench.measure import Figure, Samples, alternate_lists

_VCPUS = 4


def figures() -> list[Figure]:
    if not peers.available(peers.QEMU):
        return []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kernel = build("smp", directory)
        ours = peers.Ours(directory)
        mine, theirs = alternate_lists(
            peers.numbers_of(lambda: ours.start(kernel, vcpus=_VCPUS)),
            peers.numbers_of(lambda: peers.Qemu().start(kernel, vcpus=_VCPUS)),
        )
        ours.close()
    rows = [
        Figure(
            "speed-up from 1 to 2 vCPUs",
            "x",
            Samples(tuple(run[0] * 2 / run[1] for run in mine)),
            "linear",
            Samples((2.0,)),
            0.9,
            less_is_better=False,
        )
    ]
    for index, vcpus in enumerate((1, 2, _VCPUS)):
        rows.append(
            Figure(
                f"exits with {vcpus} vCPUs at once",
                "cycles",
                Samples(tuple(run[index] for run in mine)),
                "QEMU microvm",
                Samples(tuple(run[index] for run in theirs)),
                1.0,
            )
        )
    return rows
