"""What holds for every command: the options before it, and what the shell's completion sees of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Annotated

import typer

from . import daemon
from .config import Config, load


@dataclass(slots=True)
class Options:
    """What was given before the command, over what kvmctl.conf says."""

    uri: str | None = None
    debug: bool = False
    json: bool = False
    quiet: bool = False
    config: Config = field(default_factory=Config)


def privileged() -> bool:
    return os.geteuid() == 0


def options_of(context: typer.Context) -> Options:
    root = context.find_root()
    if isinstance(root.obj, Options):
        return root.obj
    # While the shell completes, the callback that fills in the options has not run.
    config = load()
    return Options(uri=root.params.get("connect") or config.uri, config=config)


def chosen_uri(context: typer.Context) -> str:
    return options_of(context).uri or daemon.default_uri(privileged())


def _or_global(context: typer.Context, value: bool) -> bool:
    return value or options_of(context).json


AsJson = Annotated[
    bool,
    typer.Option("--json", help="Machine-readable; man kvmctl tells the keys.", callback=_or_global),
]
