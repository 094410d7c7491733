"""Values that no XML could have brought: objects are also built by hand."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from kvmctl.domain.binding import Bound, Nested, Shape, Value, shape_of
from kvmctl.domain.errors import DomainError, ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain
from kvmctl.domain.source import load


def check(domain: Domain) -> Iterator[Finding]:
    yield from _object_texts(domain, shape_of(Domain), "/domain")
    if domain.metadata is not None:
        try:
            root = load(domain.metadata)
        except DomainError as error:
            yield Finding(ErrorKind.INVALID_ARG, f"metadata is not XML: {error}", "/domain/metadata")
        else:
            texts = [root.text, *(child.tail for child in root)]
            if root.tag != "metadata" or root.attrib or any(text and text.strip() for text in texts):
                message = "metadata has to be a <metadata> element that holds elements only"
                yield Finding(ErrorKind.INVALID_ARG, message, "/domain/metadata")


def _object_texts(value: Any, shape: Shape, path: str) -> Iterator[Finding]:
    for name, bound in shape.attributes.items():
        yield from _bound_text(value, bound, f"{path}/@{name}")
    if shape.text is not None:
        yield from _bound_text(value, shape.text, path)
    for name, child in shape.children.items():
        inside = f"{path}/{name}"
        if isinstance(child, Shape):
            yield from _object_texts(value, child, inside)
            continue
        if isinstance(child.content, Nested):
            item = getattr(value, child.name)
            items = item if child.content.many else () if item is None else (item,)
            nested = shape_of(child.content.cls, child.content.without)
            for index, one in enumerate(items):
                yield from _object_texts(one, nested, numbered(inside, index))


def _bound_text(value: Any, bound: Bound, path: str) -> Iterator[Finding]:
    item = getattr(value, bound.name)
    if item is None or not isinstance(bound.content, Value):
        return
    codec = bound.content.codec
    try:
        text = codec.format(item)
        etree.Element("text").text = text
        codec.parse(text)
    except (TypeError, ValueError) as error:
        yield Finding(ErrorKind.INVALID_ARG, f"value {item!r} cannot be written: {error}", path)
