"""Dataclasses to XML in libvirt's order and layout: two spaces a level, single quotes, stable bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmctl.domain.binding import (
    Bound,
    Nested,
    Presence,
    Shape,
    Size,
    Unit,
    Value,
    Verbatim,
    shape_of,
)
from kvmctl.domain.names import NAMESPACE, PREFIX, prefixed
from kvmctl.domain.units import whole_kib

_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;", "\r": "&#13;"}
_ATTRIBUTE = {**_TEXT, "\n": "&#10;", "\t": "&#9;"}
"""Unless written as numbers, line ends and tabs of attributes become spaces (XML 1.0, section 3.3.3)."""


@dataclass(slots=True)
class Node:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    children: "list[Node | str]" = field(default_factory=list)
    open: bool = False
    """Whether it keeps its end tag when there is nothing inside."""

    @property
    def empty(self) -> bool:
        return not self.attributes and self.text is None and not self.children

    def lines(self, indent: str) -> list[str]:
        start = (
            indent
            + "<"
            + self.name
            + "".join(f" {name}='{_escape(text, _ATTRIBUTE)}'" for name, text in self.attributes.items())
        )
        if self.text is not None:
            return [f"{start}>{_escape(self.text, _TEXT)}</{self.name}>"]
        if not self.children and not self.open:
            return [f"{start}/>"]
        inside = [
            line
            for child in self.children
            for line in (child.lines(indent + "  ") if isinstance(child, Node) else [f"{indent}  {child}"])
        ]
        return [f"{start}>", *inside, f"{indent}</{self.name}>"]


def write(value: Any, *, live: bool) -> str:
    root = _object(type(value).__name__.lower(), value, shape_of(type(value)), live)
    return "\n".join(root.lines("")) + "\n"


def _object(name: str, value: Any, shape: Shape, live: bool) -> Node:
    node = Node(prefixed(name))
    if node.name != name:
        # Declared here and not at the root, or metadata that is kept as it is would take it over.
        node.attributes[f"xmlns:{PREFIX}"] = NAMESPACE
    _fill(node, value, shape, live)
    return node


def _fill(node: Node, value: Any, shape: Shape, live: bool) -> None:
    for name, bound in shape.attributes.items():
        text = _text(bound, value, live)
        if text is not None:
            node.attributes[name] = text
    if shape.text is not None:
        # As libvirt reads it, an empty element is an absent one.
        node.text = _text(shape.text, value, live) or None
    for name, child in shape.children.items():
        if isinstance(child, Shape):
            inside = _object(name, value, child, live)
            if not inside.empty:
                node.children.append(inside)
        else:
            node.children += _contents(name, child, value, live)


def _text(bound: Bound, value: Any, live: bool) -> str | None:
    item = _item(bound, value, live)
    if item is None:
        return None
    match bound.content:
        case Value(codec):
            return codec.format(item)
        case Size():
            return str(whole_kib(item))
        case Unit():
            return "KiB"
        case _:
            return None


def _item(bound: Bound, value: Any, live: bool) -> Any:
    return None if bound.binding.live(value) and not live else getattr(value, bound.name)


def _contents(name: str, bound: Bound, value: Any, live: bool) -> "list[Node | str]":
    item = _item(bound, value, live)
    if item is None:
        return []
    match bound.content:
        case Nested(cls, many, without):
            shape = shape_of(cls, without)
            nodes = [_object(name, one, shape, live) for one in (item if many else (item,))]
            if bound.content.group and nodes[0].empty:
                return []
            for node in nodes:
                node.open = not node.attributes and bool(shape.children)
            return [*nodes]
        case Size():
            return [Node(name, {"unit": "KiB"}, str(whole_kib(item)))]
        case Presence():
            return [Node(name)] if item else []
        case Verbatim():
            return [str(item)]
        case Value() | Unit():
            raise TypeError(f"'{bound.name}' is bound to an element's text")


def _escape(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
