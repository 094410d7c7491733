"""top: the command."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..connection import connect
from ..errors import Failure, Status
from ..options import AsJson, chosen_uri, options_of
from ..output import print_json

if TYPE_CHECKING:
    from .sample import Guest, Host
    from .view import State

_FIRST_SECONDS = 0.5


def top(
    context: typer.Context,
    interval: Annotated[
        float | None, typer.Option("--interval", "-d", min=0.1, metavar="SECONDS", help="Between refreshes.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="cpu, steal, pss, mem, disk, net, up, name ..."),
    ] = None,
    filter_: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="Only guests whose names contain it.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch what the running guests do, as processes and as machines.

    Rates of --once and --json are those of half a second, or of --interval. On a terminal, ? lists the keys.

    \b
    kvmctl top
    kvmctl top --once --sort mem
    kvmctl top --json | jq '.guests[] | {name, cpu}'
    """
    from .columns import BY_NAME
    from .process import Finder
    from .sample import Sampler
    from .view import State

    config = options_of(context).config
    by = sort or config.top_sort
    if by not in BY_NAME:
        raise Failure(f"top has no column '{by}'", f"Its columns are {', '.join(BY_NAME)}.", Status.USAGE)
    connection = connect(context)
    uri = chosen_uri(context)
    sampler = Sampler(connection, Finder(uri))
    if as_json or once or not sys.stdout.isatty():
        sampler.sample()
        time.sleep(interval or _FIRST_SECONDS)
        state = State(sampler.host(), sampler.sample(), sort=by, filter=filter_)
        if as_json:
            print_json(document(state.host, state.shown()))
        else:
            _print_once(state)
        return
    from rich.console import Console

    from .app import Top

    state = State(sampler.host(), sort=by, filter=filter_, interval=interval or config.top_interval)
    Top(connection, uri, state, sampler, Console(highlight=False)).run()


def document(host: Host, guests: list[Guest]) -> dict[str, Any]:
    """The figures with their stable keys, rounded to what they are good for."""
    return {
        "host": {name: _rounded(value) for name, value in asdict(host).items()},
        "guests": [{name: _rounded(value) for name, value in asdict(guest).items()} for guest in guests],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return value


def _print_once(state: State) -> None:
    """The whole table, as wide as the terminal, or as every column needs where there is none."""
    from rich.console import Console

    from .columns import fitting
    from .view import Lines, summary, table

    console = Console(highlight=False)
    width = console.width
    if not console.is_terminal:
        names = max((len(guest.name) for guest in state.guests), default=0)
        width = sum(column.width + 1 for column in fitting(1000, exits=True)) + names
    lines = [*summary(state, width), *table(state, width, len(state.guests) + 2, cursor=False)]
    if console.is_terminal:
        console.print(Lines(lines), crop=False)
    else:
        for line in lines:
            print("".join(text for text, _ in line).rstrip())
