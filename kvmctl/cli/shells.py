"""completion: the script that makes a shell complete kvmctl's commands and domain names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="For which shell.", show_default=False)],
) -> None:
    """Print the completion script for a shell.

    The names of domains come from the live connection.

    \b
    source <(kvmctl completion bash)
    kvmctl completion fish > ~/.config/fish/completions/kvmctl.fish
    """
    print(get_completion_script(prog_name="kvmctl", complete_var="_KVMCTL_COMPLETE", shell=shell.value))
