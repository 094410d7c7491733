"""The table of faults: what was broken, what has to come of it, and what came.

With KVMCTL_FAULTS_TABLE the run writes it to that file (`make faults`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LONG = os.environ.get("KVMCTL_FAULTS") == "long"
"""Whether the run is the long one; else each test takes a few seconds."""

_HEADER = """# Faults and what comes of them

Written by `make faults` (tests/faults), which breaks each of these things for real and checks the outcome;
`make test` runs the same tests for a shorter time. "Nothing left": no process, descriptor of the daemon,
TAP device, bridge, firewall rule, control group, socket, terminal or run file that was not there before.
"""


@dataclass
class Row:
    part: str
    fault: str
    expected: str
    seen: list[str] = field(default_factory=list)

    def see(self, text: str) -> None:
        """What a test has found, in the words of the table."""
        self.seen.append(text)


rows: list[Row] = []


@contextmanager
def fault(part: str, what: str, expected: str) -> Iterator[Row]:
    """One line of the table; a test that fails leaves it with its failure."""
    row = Row(part, what, expected)
    rows.append(row)
    try:
        yield row
    except BaseException as error:
        row.see(f"**failed**: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        raise


def write(path: Path) -> None:
    text = [_HEADER]
    for part in dict.fromkeys(row.part for row in rows):
        text += [f"\n## {part}\n", "| fault | expected | seen |", "| --- | --- | --- |"]
        text += [
            f"| {_cell(row.fault)} | {_cell(row.expected)} | {_cell('; '.join(row.seen))} |"
            for row in rows
            if row.part == part
        ]
    path.write_text("\n".join(text) + "\n")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
