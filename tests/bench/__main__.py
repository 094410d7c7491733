"""Run every benchmark, or those that are named, and show one table."""

from __future__ import annotations

import sys

from tests.bench import blk, domain_xml, exits, idle, memory, smp, starts
from tests.bench.measure import Figure, show

_ALL = {
    "starts": starts.figures,
    "exits": exits.figures,
    "blk": blk.figures,
    "memory": memory.figures,
    "idle": idle.figures,
    "smp": smp.figures,
    "domain": domain_xml.figures,
}


def main() -> int:
    chosen = sys.argv[1:] or list(_ALL)
    rows: list[Figure] = []
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += _ALL[name]()
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
