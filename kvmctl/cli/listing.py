"""list: which domains there are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import libvirt
import typer

from .connection import Domain, connect
from .options import AsJson
from .output import print_json, say, stdout
from .sizes import human_size
from .states import COLOURS, state_name

_HEADINGS = ("Id", "Name", "State", "vCPUs", "Memory")
_NAME = _HEADINGS.index("Name")
_GAP = 3


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


def row_of(domain: Domain) -> Row:
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
            rows.append(row_of(domain))
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise  # it ended between the list and the question
    return sorted(rows, key=lambda row: (row.id is None, row.id or 0, row.name))


def list_domains(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that are shut off.")] = False,
    inactive: Annotated[bool, typer.Option("--inactive", help="Only those that are shut off.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Only names, one a line.")] = False,
    as_json: AsJson = False,
) -> None:
    """List domains: the running ones, or all.

    \b
    kvmctl list --all
    kvmctl list --all --json | jq -r '.[].name'
    """
    flags = 0 if everything else libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    if inactive and not everything:
        flags = libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
    rows = _rows(connect(context).listAllDomains(flags))
    if as_json:
        print_json([asdict(row) for row in rows])
    elif names:
        for row in rows:
            print(row.name)
    elif rows:
        print_table(rows)
    elif everything:
        say("No domains. `kvmctl define FILE` makes one, `kvmctl demo` shows one.")
    elif inactive:
        say("No domains that are shut off. `kvmctl list` shows the running ones.")
    else:
        say("No running domains. `kvmctl list --all` also shows the others.")


def print_table(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    cells = [
        (
            "-" if row.id is None else str(row.id),
            Text(row.name),
            Text(row.state, style=COLOURS.get(row.state, "")),
            str(row.vcpus),
            human_size(row.memory_kib),
        )
        for row in rows
    ]
    console = stdout()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    # Of what does not fit, the name gives way: rich would take it from all columns.
    widths = [
        max(len(heading), *(len(row[at]) for row in cells)) + _GAP for at, heading in enumerate(_HEADINGS)
    ]
    room = console.width - sum(widths) + widths[_NAME]
    for at, heading in enumerate(_HEADINGS):
        table.add_column(
            heading,
            justify="right" if heading in ("vCPUs", "Memory") else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=max(8, room) if at == _NAME else None,
        )
    for row in cells:
        table.add_row(*row)
    console.print(table)
