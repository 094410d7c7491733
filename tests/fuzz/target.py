"""What a fuzz target is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"
REGRESSION: Final = "crash-"
"""How the names begin of the inputs that once broke something."""

Run = Callable[[bytes], int]
"""Runs one input; how many operations (frames, accesses, documents) were in it."""
Mutate = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One door through which strangers' bytes come in."""

    prepare: Callable[[], Run]
    """Called once, before the limits are set."""
    seeds: Callable[[], Iterable[bytes]]
    """Good inputs made by the code, beside those kept in the corpus."""
    slice: int
    """Inputs in the slice of every test run."""
    refusals: tuple[type[Exception], ...] = ()
    """How the code refuses an input."""
    dictionary: tuple[bytes, ...] = ()
    """Words that mean something in an input."""
    mutate: Mutate | None = None
    """In place of the changes that know nothing of the input's form."""
    longest: int = 4096
    memory: int = 64 << 20
    """Bytes that one input may cost."""
    calls: int = 1_000_000
    """Calls of functions that one input may cost, which a host's load does not change."""


def kept(name: str) -> list[Path]:
    """The corpus of a target."""
    return sorted((CORPUS / name).glob("*"))
