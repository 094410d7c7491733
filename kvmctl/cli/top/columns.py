"""The columns of the table: what each shows, how wide it is, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..sizes import human_time, short_size
from .sample import Guest

MARKS = {"running": "▶", "paused": "‖", "crashed": "✖", "in shutdown": "▽"}


@dataclass(frozen=True, slots=True)
class Column:
    """A name that sorts, a title, a width in cells, the text of a guest, and its value for sorting."""

    name: str
    title: str
    width: int
    text: Callable[[Guest], str]
    value: Callable[[Guest], float | str]
    left: bool = False


def _number(value: float | None) -> float:
    return -1.0 if value is None else value


def _percent(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def _size(value: float | None) -> str:
    return "-" if value is None else short_size(value)


def _both(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


NAME = Column("name", "NAME", 12, lambda guest: guest.name, lambda guest: guest.name, left=True)
_MARK = Column("state", " ", 1, lambda guest: MARKS.get(guest.state, "?"), lambda guest: guest.state)
_PID = Column("pid", "PID", 7, lambda guest: str(guest.pid or "-"), lambda guest: guest.pid or -1)
_USER = Column("user", "USER", 8, lambda guest: guest.user or "-", lambda guest: guest.user or "", left=True)
_CPU = Column("cpu", "CPU%", 6, lambda guest: _percent(guest.cpu), lambda guest: guest.cpu)
_STEAL = Column("steal", "STL%", 5, lambda guest: _percent(guest.steal), lambda guest: _number(guest.steal))
_VCPUS = Column("vcpus", "VCP", 3, lambda guest: str(guest.vcpus or "-"), lambda guest: guest.vcpus or -1)
_PSS = Column("pss", "PSS", 5, lambda guest: _size(guest.pss), lambda guest: _number(guest.pss))
_MEMORY = Column("mem", "MEM", 5, lambda guest: _size(guest.memory or None), lambda guest: guest.memory)
_EXITS = Column("exits", "EXIT/s", 6, lambda guest: _size(guest.exits), lambda guest: _number(guest.exits))
_DISK = Column(
    "disk",
    "DISK/s",
    6,
    lambda guest: _size(_both(guest.disk_read, guest.disk_write)),
    lambda guest: _number(_both(guest.disk_read, guest.disk_write)),
)
_NET = Column(
    "net",
    "NET/s",
    5,
    lambda guest: _size(_both(guest.net_in, guest.net_out)),
    lambda guest: _number(_both(guest.net_in, guest.net_out)),
)
_READ = Column("read", "READ/s", 6, lambda g: _size(g.disk_read), lambda g: _number(g.disk_read))
_WRITE = Column("write", "WRITE/s", 7, lambda g: _size(g.disk_write), lambda g: _number(g.disk_write))
_IN = Column("in", "NET-IN", 6, lambda g: _size(g.net_in), lambda g: _number(g.net_in))
_OUT = Column("out", "NET-OUT", 7, lambda g: _size(g.net_out), lambda g: _number(g.net_out))
_UPTIME = Column(
    "up",
    "UP",
    6,
    lambda guest: "-" if guest.uptime is None else human_time(guest.uptime),
    lambda guest: _number(guest.uptime),
)

_PROCESS = (_MARK, NAME, _PID, _USER, _CPU, _STEAL)
_WIDE = (*_PROCESS, _VCPUS, _PSS, _MEMORY, _EXITS, _READ, _WRITE, _IN, _OUT, _UPTIME)
_MIDDLE = (*_PROCESS, _PSS, _MEMORY, _DISK, _NET, _UPTIME)
_NARROW = (_MARK, NAME, _PID, _CPU, _PSS, _UPTIME)

BY_NAME = {column.name: column for column in (*_WIDE, *_MIDDLE)}
DESCENDING = {name for name in BY_NAME if name not in ("name", "user", "state", "pid")}
"""What is looked at from the largest down."""


def fitting(width: int, *, exits: bool) -> tuple[Column, ...]:
    """The most telling layout for a terminal of this width; the exits only where someone counts them."""
    for layout in (_WIDE, _MIDDLE, _NARROW):
        shown = tuple(column for column in layout if column is not _EXITS or exits)
        if sum(column.width + 1 for column in shown) - 1 <= width:
            return shown
    return (_MARK, NAME, _CPU)


def sort(guests: list[Guest], by: str, *, reverse: bool) -> list[Guest]:
    """By a column, largest first where that is what one looks for; equal ones by name."""
    value = BY_NAME[by].value
    named = sorted(guests, key=lambda guest: guest.name)
    return sorted(named, key=value, reverse=(by in DESCENDING) != reverse)
