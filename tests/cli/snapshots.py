"""Rendered output, compared with what was committed; KVMCTL_UPDATE_SNAPSHOTS=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

_DIRECTORY = Path(__file__).with_name("snapshots")


def check(name: str, text: str) -> None:
    """Trailing blanks of lines do not count."""
    text = "".join(line.rstrip() + "\n" for line in text.splitlines())
    file = _DIRECTORY / f"{name}.txt"
    if os.environ.get("KVMCTL_UPDATE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"{file} differs"
