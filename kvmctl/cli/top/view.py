"""What is on the screen: lines of styled text, of which each knows no more than its figures.

Lines, not rich tables: a table that measures every cell costs ten times as much, every second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from ..sizes import human_time, short_size
from ..states import COLOURS
from .columns import MARKS, NAME, Column, fitting, sort
from .sample import Detail, Guest, Host

Line = list[tuple[str, str]]
"""Pieces of text with rich's style of each."""

_LEAST_RATE = 0.5
"""Of exits a second that are shown, which rounds to one."""
_STYLES: dict[str, Style] = {}

TABLE_KEYS = "↑↓ select  Enter details  s sort  r reverse  / filter  p pause  ? help  q quit"
DETAIL_KEYS = "Esc back  c console  z suspend/resume  x shut down  d destroy  p pause  q quit"
HELP = """\
  ↑ ↓ j k        select a guest           PgUp PgDn g G  by pages, first, last
  Enter          its details              Esc            back; drop the filter
  s S            sort by the next, the previous column
  r              reverse the order        /              filter by name
  p Space        stop and go on refreshing
  + -            refresh more, less often

  c              the guest's console (Ctrl-] comes back)
  z              suspend it, or let it go on
  x              shut it down             d              destroy it
  b              reboot it                u              start another

  CPU%   of one host CPU, by the guest's process
  STL%   of one CPU: what its virtual CPUs wanted and did not get
  PSS    its share of the host's memory   MEM            what the guest may use
"""


@dataclass(slots=True)
class State:
    """Everything that the picture depends on, besides the terminal's size."""

    host: Host
    guests: list[Guest] = field(default_factory=list)
    sort: str = "cpu"
    reverse: bool = False
    filter: str = ""
    selected: str | None = None
    """The UUID under the cursor."""
    first: int = 0
    paused: bool = False
    interval: float = 1.0
    message: str = ""
    prompt: str | None = None
    detail: Detail | None = None
    help: bool = False

    def shown(self) -> list[Guest]:
        wanted = self.filter.lower()
        return sort(
            [guest for guest in self.guests if wanted in guest.name.lower()], self.sort, reverse=self.reverse
        )


class Lines:
    """Lines as rich's renderable."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        newline = Segment.line()
        for number, line in enumerate(self._lines):
            if number:
                yield newline
            for text, name in line:
                style = _STYLES.get(name)
                if style is None:
                    style = _STYLES[name] = Style.parse(name)
                yield Segment(text, style)


def screen(state: State, width: int, height: int) -> list[Line]:
    """As many lines as the terminal has, none wider than it."""
    if state.help:
        body = [[(line, "")] for line in HELP.splitlines()]
    elif state.detail:
        body = list(detail_lines(state.detail, width, height - 3))
    else:
        body = table(state, width, height - 3)
    lines = [*summary(state, width), *body][: height - 1]
    lines += [[] for _ in range(height - 1 - len(lines))]
    return [_cut(line, width) for line in [*lines, _bottom(state)]]


def summary(state: State, width: int) -> list[Line]:
    """Two lines on the host and on all guests."""
    host, guests = state.host, state.guests
    used = f"{short_size(host.memory_used)}/{short_size(host.memory_total)}"
    first: Line = [
        ("kvmctl top", "bold"),
        (f"  {len(guests)} guest{'' if len(guests) == 1 else 's'}", ""),
        (f"  {sum(guest.cpu for guest in guests):.0f}% CPU", ""),
        (f"  {short_size(sum(guest.pss or 0 for guest in guests))} PSS", ""),
    ]
    if state.paused:
        first.append(("  PAUSED", "bold yellow"))
    order = ("reversed " if state.reverse else "") + state.sort
    right = f"every {state.interval:g}s, by {order}" + (f", like '{state.filter}'" if state.filter else "")
    gap = width - sum(cell_len(text) for text, _ in first) - cell_len(right)
    if gap > 1:
        first.append((" " * gap + right, "dim"))
    steal = "bold red" if host.steal >= 5 else ""
    second: Line = [
        (f"host  {host.cpus} CPUs {host.busy:.0f}% busy", ""),
        (f"  {host.steal:.0f}% stolen", steal),
        (f"  load {host.load:.2f}  memory {used}", ""),
    ]
    return [first, second]


def table(state: State, width: int, height: int, *, cursor: bool = True) -> list[Line]:
    """The head and those guests that fit, with the selected one among them."""
    guests = state.shown()
    columns = fitting(width, exits=any(guest.exits is not None for guest in guests))
    room = width - sum(column.width + 1 for column in columns) + 1
    longest = max((cell_len(guest.name) for guest in guests), default=0)
    name_width = NAME.width + max(0, min(room, longest - NAME.width))
    lines: list[Line] = [_head(columns, name_width, state)]
    if not guests:
        what = f"no running guest is like '{state.filter}'" if state.filter else "no guest runs"
        lines.append([(f"  {what}" + ("; u starts one that is shut off" if cursor else ""), "dim")])
        return lines
    rows = max(1, height - 1)
    at = next((i for i, guest in enumerate(guests) if guest.uuid == state.selected), 0)
    state.selected = guests[at].uuid
    state.first = max(0, min(state.first, at, len(guests) - rows), at - rows + 1)
    for number, guest in enumerate(guests[state.first : state.first + rows], state.first):
        lines.append(_row(columns, name_width, guest, selected=cursor and number == at))
    return lines


def _head(columns: Iterable[Column], name_width: int, state: State) -> Line:
    line: Line = []
    for column in columns:
        text = _cell(column, column.title, name_width) + " "
        line.append((text, "bold underline" if column.name != state.sort else "bold green underline"))
    return line


def _row(columns: Iterable[Column], name_width: int, guest: Guest, *, selected: bool) -> Line:
    mark = COLOURS.get(guest.state, "")
    text = " ".join(_cell(column, column.text(guest), name_width) for column in columns)
    if selected:
        return [(text, "reverse")]
    return [(text[:1], mark), (text[1:], "dim" if guest.state != "running" else "")]


def _cell(column: Column, text: str, name_width: int) -> str:
    width = name_width if column is NAME else column.width
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if column.left else set_cell_size(text, width)
    return text + " " * (width - length) if column.left else " " * (width - length) + text


def detail_lines(detail: Detail, width: int, height: int) -> Iterator[Line]:
    """One guest: its figures, threads, devices, exits, and as much of its log as there is room."""
    guest = detail.guest
    yield [
        (MARKS.get(guest.state, "?") + " ", COLOURS.get(guest.state, "")),
        (guest.name, "bold"),
        (f"  {guest.state}  id {guest.id}  {guest.uuid}", ""),
    ]
    up = "-" if guest.uptime is None else human_time(guest.uptime)
    yield [(f"  process {guest.pid or '-'} of {guest.user or '-'}, up {up}", "")]
    steal = "-" if guest.steal is None else f"{guest.steal:.1f}"
    sizes = ", ".join(
        f"{name} {'-' if value is None else short_size(value)}"
        for name, value in (("memory", guest.memory), ("PSS", guest.pss), ("RSS", guest.rss))
    )
    yield [(f"  CPU {guest.cpu:.1f}%, stolen {steal}%, {sizes}", "")]
    used = 3
    for section in (_threads(detail), _exits(guest), _devices(detail)):
        for line in section:
            used += 1
            yield line
    room = height - used - 1
    if detail.log and room > 0:
        yield [("LOG", "bold")]
        for text in detail.log[-room:]:
            yield [("  " + text.expandtabs(), "dim")]


def _threads(detail: Detail) -> Iterator[Line]:
    if not detail.threads:
        yield [("THREADS", "bold"), ("  its process cannot be found on this host", "dim")]
        return
    yield [(f"{'THREADS':<20} {'TID':>8} {'CPU%':>6} {'WAIT%':>6} {'ON CPU':>6}", "bold")]
    for thread in detail.threads[:16]:
        figures = f"{thread.tid:>8} {thread.cpu:>6.1f} {thread.wait:>6.1f} {thread.host_cpu:>6}"
        yield [(f"  {thread.name:<18} {figures}", "")]
    if len(detail.threads) > 16:
        yield [(f"  and {len(detail.threads) - 16} more", "dim")]


def _exits(guest: Guest) -> Iterator[Line]:
    if guest.exits_by_kind:
        yield [("EXITS A SECOND", "bold")]
        happened = [item for item in guest.exits_by_kind.items() if item[1] >= _LEAST_RATE]
        kinds = sorted(happened, key=lambda item: -item[1])
        yield [("  " + ("  ".join(f"{kind} {rate:.0f}" for kind, rate in kinds[:8]) or "none"), "")]


def _devices(detail: Detail) -> Iterator[Line]:
    if detail.devices:
        yield [(f"{'DEVICES':<20} {'READ/IN':>8} {'WRITE/OUT':>9} {'REQ/s':>6} {'REQ/s':>6} QUEUES", "bold")]
    for device in detail.devices:
        text = (
            f"  {device.kind:<4} {device.name:<13} {short_size(device.bytes_in):>8}"
            f" {short_size(device.bytes_out):>9} {device.requests_in:>6.0f} {device.requests_out:>6.0f}"
            f" {device.queues:>6}  {device.source}"
        )
        yield [(text.rstrip(), "")]


def _bottom(state: State) -> Line:
    if state.prompt is not None:
        return [(state.prompt, "bold")]
    if state.message:
        return [(state.message, "bold yellow")]
    if state.help:
        return [("any key goes back", "dim")]
    return [(DETAIL_KEYS if state.detail else TABLE_KEYS, "dim")]


def _cut(line: Line, width: int) -> Line:
    """A line as wide as the terminal at most."""
    room = width
    cut: Line = []
    for text, style in line:
        length = len(text) if text.isascii() else cell_len(text)
        if length > room:
            cut.append((set_cell_size(text, room), style))
            break
        cut.append((text, style))
        room -= length
    return cut
