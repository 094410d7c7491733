"""doctor: whether guests can run here, seen from the host and from inside a guest."""

from __future__ import annotations

from typing import Annotated

import typer

from .errors import Status
from .options import AsJson


def doctor(
    context: typer.Context,
    no_guest: Annotated[bool, typer.Option("--no-guest", help="Do not boot the self-test guest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check whether this host can run guests, and how.

    A small guest is started through the daemon; it checks the virtual machine from the inside. The exit
    status is 0 when guests can run, and 1 when something is in the way.

    \b
    kvmctl doctor
    kvmctl doctor --no-guest
    kvmctl doctor --json | jq '.checks[] | select(.level != "ok")'
    """
    from .checkup import examine  # the other commands start sooner without it

    if not examine(context, no_guest=no_guest, as_json=as_json):
        raise typer.Exit(Status.FAILED)
