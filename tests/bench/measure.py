"""Alternating runs of us and a peer, and the table that they end in."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")

RUNS: Final = 5
"""Of each contender, at least, turn by turn."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What the runs of one contender gave, in the figure's unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(min(self.values))}-{_short(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: the ratio is ours through the peer's, of the medians."""

    name: str
    unit: str
    ours: Samples
    peer: str
    theirs: Samples
    goal: float
    less_is_better: bool = True

    @property
    def ratio(self) -> float:
        return self.ours.median / self.theirs.median

    @property
    def reached(self) -> bool:
        return self.ratio <= self.goal if self.less_is_better else self.ratio >= self.goal


def alternate(*contenders: Callable[[], float], runs: int = RUNS) -> list[Samples]:
    """Run the contenders turn by turn, so that the host's moods meet them alike, after a rehearsal."""
    return [Samples(tuple(values)) for values in alternate_lists(*contenders, runs=runs)]


def alternate_lists(*contenders: Callable[[], T], runs: int = RUNS) -> list[list[T]]:
    """The same for contenders that give more than one number a run: the runs of each."""
    for contender in contenders:
        contender()
    turns = [[contender() for contender in contenders] for _ in range(runs)]
    return [list(values) for values in zip(*turns, strict=True)]


def show(figures: Sequence[Figure], console: Console | None = None) -> None:
    """Medians with the spread of the runs."""
    table = Table(title="kvmctl beside its peers: median (smallest-largest)", expand=False)
    for heading in ("figure", "unit", "kvmctl", "peer", "peer's", "ratio", "goal"):
        table.add_column(heading, justify="left" if heading in ("figure", "unit", "peer") else "right")
    for one in figures:
        sign = "≤" if one.less_is_better else "≥"
        colour = "green" if one.reached else "red"
        table.add_row(
            one.name,
            one.unit,
            str(one.ours),
            one.peer,
            str(one.theirs),
            f"[{colour}]{one.ratio:.2f}x[/]",
            f"{sign} {one.goal:g}x",
        )
    (console or Console(width=150)).print(table)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
