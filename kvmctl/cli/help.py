"""How --help looks: paragraphs that flow to the terminal's width, and flags that show no type."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


def flowing(text: str | None) -> str | None:
    """One line a paragraph; what begins with \\b keeps its lines (click's mark)."""
    paragraphs = (text or "").split("\n\n")
    joined = (part if part.lstrip().startswith("\b") else " ".join(part.split()) for part in paragraphs)
    return "\n\n".join(joined) or None


def _without_type(params: list[Any]) -> list[Any]:
    for param in params:
        if isinstance(param, TyperOption) and param.is_flag:
            param.metavar = ""
    return params


class Command(TyperCommand):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.help = flowing(self.help)

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))


class Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))
