"""Looking: list and info."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import libvirt
import typer

from .completion import AnyName
from .connection import Domain, connect, find_domain
from .output import say
from .states import state_name


@dataclass(frozen=True, slots=True)
class Row:
    """One domain as list and info show it; memory in KiB, as libvirt counts it."""

    id: int | None
    name: str
    uuid: str
    state: str
    vcpus: int
    memory_kib: int
    persistent: bool


def _row(domain: Domain) -> Row:
    state, _, memory, vcpus, _ = domain.info()
    number = domain.ID()
    return Row(
        id=number if number >= 0 else None,
        name=domain.name(),
        uuid=domain.UUIDString(),
        state=state_name(state),
        vcpus=vcpus,
        memory_kib=memory,
        persistent=bool(domain.isPersistent()),
    )


def _rows(domains: list[Domain]) -> list[Row]:
    rows = []
    for domain in domains:
        try:
            rows.append(_row(domain))
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise  # it ended between the list and the question
    return sorted(rows, key=lambda row: (row.id is None, row.id or 0, row.name))


def human_size(kib: int) -> str:
    for unit, size in (("GiB", 1 << 20), ("MiB", 1 << 10)):
        if kib >= size:
            return f"{kib / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{kib} KiB"


_COLOURS = {"running": "green", "paused": "yellow", "crashed": "red"}


def list_domains(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that are shut off.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON array.")] = False,
) -> None:
    """List domains: the running ones, or all.

    \b
    kvmctl list --all
    kvmctl list --all --json | jq -r '.[].name'
    """
    flags = 0 if everything else libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    rows = _rows(connect(context).listAllDomains(flags))
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        _print_table(rows)
    elif everything:
        say("No domains. `kvmctl define FILE` makes one, `kvmctl demo` shows one.")
    else:
        say("No running domains. `kvmctl list --all` also shows the others.")


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    table.add_column("Id", justify="right", no_wrap=True)
    table.add_column("Name", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("vCPUs", justify="right", no_wrap=True)
    table.add_column("Memory", justify="right", no_wrap=True)
    for row in rows:
        number = "-" if row.id is None else str(row.id)
        state = Text(row.state, style=_COLOURS.get(row.state, ""))
        table.add_row(number, Text(row.name), state, str(row.vcpus), human_size(row.memory_kib))
    # A pipe has no width: names must not be cut there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)
    console.print(table)


def info(
    context: typer.Context,
    name: AnyName,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON object.")] = False,
) -> None:
    """Show one domain's state, size and identity.

    \b
    kvmctl info demo
    """
    row = _row(find_domain(connect(context), name))
    if as_json:
        print(json.dumps(asdict(row), indent=2))
        return
    lines = {
        "Name": row.name,
        "UUID": row.uuid,
        "Id": "-" if row.id is None else str(row.id),
        "State": row.state,
        "vCPUs": str(row.vcpus),
        "Memory": human_size(row.memory_kib),
        "Persistent": "yes" if row.persistent else "no",
    }
    for label, value in lines.items():
        print(f"{label + ':':<12}{value}")
