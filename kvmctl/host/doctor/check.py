"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    OK = "ok"
    INFO = "info"
    WARN = "warn"
    """Guests run, without something."""
    FAIL = "fail"
    """No guest can run."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `hint` is the next step where something is missing."""

    name: str
    level: Level
    detail: str
    hint: str | None = None
