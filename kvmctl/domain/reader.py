"""XML to dataclasses along their declarations; every name and value that no declaration has is refused."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from kvmctl.domain import refusal
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
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.errors import ErrorKind
from kvmctl.domain.refusal import Place
from kvmctl.domain.units import parse_size

MOST_ELEMENTS = 10_000
"""Outside of metadata: far beyond any machine, and read in less than a second."""

_XML_SPACE = " \t\r\n"


@dataclass(slots=True)
class Reader:
    _lines: dict[str, int | None] = field(default_factory=dict)

    def read(self, cls: type[Any], root: etree._Element) -> Any:
        expected = cls.__name__.lower()
        if root.tag != expected:
            raise refusal.wrong_root(root, expected)
        return self._object(Nested(cls), root, Place.root(root))

    def line_of(self, path: str | None) -> int | None:
        """The line of a place that was read, or of the nearest around it: findings come after the reading."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path.rpartition("/")[0]
        return None

    def _object(self, nested: Nested, element: etree._Element, place: Place) -> Any:
        values: dict[str, Any] = {}
        shape = shape_of(nested.cls, nested.without)
        self._element(shape, element, place, values)
        for bound in shape.bounds():
            required = bound.binding.required and bound.binding.path not in nested.optional
            if required and bound.name not in values:
                raise refusal.missing(place, bound)
        result = nested.cls(**values)
        finish = getattr(result, "after_parse", None)
        return finish() if finish else result

    def _element(self, shape: Shape, element: etree._Element, place: Place, values: dict[str, Any]) -> None:
        self._lines[place.path] = place.line
        if len(self._lines) > MOST_ELEMENTS:
            message = f"more than {MOST_ELEMENTS} elements {place}"
            raise place.error(ErrorKind.XML_ERROR, message)
        for tag, text in element.attrib.items():
            here = place.attribute(element, str(tag))
            bound = shape.attributes.get(str(tag))
            if bound is None:
                raise refusal.refused_name(here, str(tag), [*shape.attributes])
            match bound.content:
                case Size():
                    values[bound.name] = _size(bound, str(text), element, here, place)
                case Unit():
                    pass
                case _:
                    values[bound.name] = _value(bound, str(text), here)
        if shape.text is not None:
            own_text = _only_text(element, place)
            # libvirt takes an empty element for an absent one.
            if own_text or shape.text.binding.required:
                values[shape.text.name] = _value(shape.text, own_text, place)
        else:
            _no_text(element, place)
            self._children(shape, element, place, values)

    def _children(self, shape: Shape, element: etree._Element, place: Place, values: dict[str, Any]) -> None:
        counts: Counter[str] = Counter()
        lists: dict[str, list[Any]] = {}
        for child in element.iterchildren("*"):
            tag = str(child.tag)
            counts[tag] += 1
            here = place.child(child, counts[tag])
            inside = shape.children.get(tag)
            if inside is None:
                raise refusal.refused_name(here, tag, [*shape.children])
            if isinstance(inside, Bound) and isinstance(inside.content, Nested) and inside.content.many:
                lists.setdefault(inside.name, []).append(self._object(inside.content, child, here))
            elif counts[tag] > 1:
                raise refusal.repeated(here)
            elif isinstance(inside, Shape):
                self._element(inside, child, here, values)
            else:
                values[inside.name] = self._content(inside, child, here)
        values.update((name, tuple(items)) for name, items in lists.items())

    def _content(self, bound: Bound, element: etree._Element, place: Place) -> Any:
        match bound.content:
            case Nested():
                return self._object(bound.content, element, place)
            case Size():
                self._lines[place.path] = place.line
                for tag in element.attrib:
                    if tag != "unit":
                        raise refusal.refused_name(place.attribute(element, str(tag)), str(tag), ["unit"])
                return _size(bound, _only_text(element, place), element, place, place)
            case Presence():
                self._element(Shape({}, {}), element, place, {})
                return True
            case Verbatim():
                self._lines[place.path] = place.line
                return etree.tostring(element, encoding="unicode", with_tail=False)
            case Value() | Unit():
                raise TypeError(f"'{bound.name}' is bound to an element's text")


def _size(bound: Bound, number: str, element: etree._Element, place: Place, owner: Place) -> int:
    """``place`` is the number's, ``owner`` that of the element with the unit."""
    unit = element.get("unit")
    try:
        return parse_size(number, unit)
    except BadValueError as error:
        if error.kind is ErrorKind.INVALID_ARG:
            place, number = owner.attribute(element, "unit"), unit or ""
        raise refusal.refused_value(place, bound, number, error) from error


def _value(bound: Bound, text: str, place: Place) -> Any:
    if not isinstance(bound.content, Value):
        raise TypeError(f"'{bound.name}' is not bound to a text")
    try:
        return bound.content.codec.parse(text)
    except BadValueError as error:
        raise refusal.refused_value(place, bound, text, error) from error


def _texts(element: etree._Element) -> list[str]:
    """The pieces of an element's own text; comments and child elements lie between them."""
    return [str(text) for text in (element.text, *(child.tail for child in element)) if text]


def _only_text(element: etree._Element, place: Place) -> str:
    for child in element.iterchildren("*"):
        raise refusal.refused_name(place.child(child, 1), str(child.tag), [])
    return "".join(_texts(element))


def _no_text(element: etree._Element, place: Place) -> None:
    for text in _texts(element):
        if stray := text.strip(_XML_SPACE):
            raise refusal.stray_text(place, stray)
