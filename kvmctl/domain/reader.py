"""XML to dataclasses along their declarations; every name and value that no declaration has is refused."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

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
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.refusal import Place
from kvmctl.domain.units import parse_size

MOST_ELEMENTS = 10_000
"""Outside of metadata: far beyond any machine, and read in less than a second."""

MOST_MEMBERS = 2_000_000
"""Of all sets of processors of a document: every vCPU on every processor of a very large host."""

MOST_ERRORS = 100
"""That are collected from one document."""

_XML_SPACE = " \t\r\n"
_REFUSED: Final = object()
"""In the place of a value that could not be read."""


@dataclass(slots=True)
class Reader:
    """Raises the first error; with a list for them it goes on without what it refused."""

    errors: list[DomainError] | None = None
    _lines: dict[str, int | None] = field(default_factory=dict)
    _members: int = 0
    _numbers: dict[str, list[int]] = field(default_factory=dict)
    """By the path of a list whose items could not all be read: the numbers of the others, from 1."""

    def read(self, cls: type[Any], root: etree._Element) -> Any:
        """The object; None when errors are collected, and are such that there is none."""
        expected = cls.__name__.lower()
        if root.tag != expected:
            raise refusal.wrong_root(root, expected)
        result = self._object(Nested(cls), root, Place.root(root))
        return None if result is _REFUSED else result

    def line_of(self, path: str | None) -> int | None:
        """The line of a place that was read, or of the nearest around it: findings come after the reading."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path.rpartition("/")[0]
        return None

    def path_of(self, path: str) -> str:
        """The place in the document of a place in the object, from which items of lists may be missing."""
        done = ""
        for step in path.strip("/").split("/"):
            name, _, index = step.partition("[")
            numbers = self._numbers.get(f"{done}/{name}")
            number = int(index.rstrip("]") or 1)
            if numbers and number <= len(numbers):
                number = numbers[number - 1]
            done = f"{done}/{name}[{number}]" if number > 1 else f"{done}/{name}"
        return done

    def _count(self, members: int, place: Place) -> None:
        self._members += members
        if self._members > MOST_MEMBERS:
            message = f"sets of more than {MOST_MEMBERS} processors together {place}"
            raise place.error(ErrorKind.XML_ERROR, message)

    def _refuse(self, error: DomainError) -> None:
        if self.errors is None or len(self.errors) >= MOST_ERRORS:
            raise error
        self.errors.append(error)

    def _object(self, nested: Nested, element: etree._Element, place: Place) -> Any:
        values: dict[str, Any] = {}
        shape = shape_of(nested.cls, nested.without)
        self._element(shape, element, place, values)
        whole = True
        for bound in shape.bounds():
            required = bound.binding.required and bound.binding.path not in nested.optional
            if required and bound.name not in values:
                self._refuse(refusal.missing(place, bound))
                values[bound.name] = _REFUSED
            if values.get(bound.name) is _REFUSED:
                whole = whole and not required
                del values[bound.name]
        if not whole:
            return _REFUSED
        result = nested.cls(**values)
        finish = getattr(result, "after_parse", None)
        return finish() if finish else result

    def _element(self, shape: Shape, element: etree._Element, place: Place, values: dict[str, Any]) -> None:
        self._lines[place.path] = place.line
        if len(self._lines) > MOST_ELEMENTS:
            message = f"more than {MOST_ELEMENTS} elements {place}"
            raise place.error(ErrorKind.XML_ERROR, message)
        for tag, text in element.attrib.items():
            bound = shape.attributes.get(str(tag))
            if bound is None:
                here = place.attribute(element, str(tag))
                self._refuse(refusal.refused_name(here, str(tag), [*shape.attributes]))
                continue
            content = bound.content
            try:
                if isinstance(content, Value):
                    value = values[bound.name] = content.codec.parse(str(text))
                    if isinstance(value, frozenset):
                        self._count(len(value), place)
                elif isinstance(content, Size):
                    here = place.attribute(element, str(tag))
                    values[bound.name] = self._size(bound, str(text), element, here, place)
            except BadValueError as error:
                here = place.attribute(element, str(tag))
                self._refuse(refusal.refused_value(here, bound, str(text), error))
                values[bound.name] = _REFUSED
        if shape.text is not None:
            own_text = self._only_text(element, place)
            # libvirt takes an empty element for an absent one.
            if own_text or shape.text.binding.required:
                values[shape.text.name] = self._value(shape.text, own_text, place)
        else:
            self._no_text(element, place)
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
                self._refuse(refusal.refused_name(here, tag, [*shape.children]))
            elif isinstance(inside, Bound) and isinstance(inside.content, Nested) and inside.content.many:
                lists.setdefault(inside.name, []).append(self._object(inside.content, child, here))
            elif counts[tag] > 1:
                self._refuse(refusal.repeated(here))
            elif isinstance(inside, Shape):
                self._element(inside, child, here, values)
            else:
                values[inside.name] = self._content(inside, child, here)
        if self.errors:
            self._note_numbers(shape, place, lists)
        values.update(
            (name, tuple(item for item in items if item is not _REFUSED)) for name, items in lists.items()
        )

    def _note_numbers(self, shape: Shape, place: Place, lists: dict[str, list[Any]]) -> None:
        for tag, inside in shape.children.items():
            items = lists.get(inside.name, []) if isinstance(inside, Bound) else []
            if _REFUSED in items:
                kept = [number for number, item in enumerate(items, start=1) if item is not _REFUSED]
                self._numbers[f"{place.path}/{tag}"] = kept

    def _content(self, bound: Bound, element: etree._Element, place: Place) -> Any:
        match bound.content:
            case Nested():
                return self._object(bound.content, element, place)
            case Size():
                self._lines[place.path] = place.line
                for tag in element.attrib:
                    if tag != "unit":
                        here = place.attribute(element, str(tag))
                        self._refuse(refusal.refused_name(here, str(tag), ["unit"]))
                return self._size(bound, self._only_text(element, place), element, place, place)
            case Presence():
                self._element(Shape({}, {}), element, place, {})
                return True
            case Verbatim():
                self._lines[place.path] = place.line
                return etree.tostring(element, encoding="unicode", with_tail=False)
            case Value() | Unit():
                raise TypeError(f"'{bound.name}' is bound to an element's text")

    def _size(self, bound: Bound, number: str, element: etree._Element, place: Place, owner: Place) -> Any:
        """``place`` is the number's, ``owner`` that of the element with the unit."""
        unit = element.get("unit")
        try:
            return parse_size(number, unit)
        except BadValueError as error:
            if error.kind is ErrorKind.INVALID_ARG:
                place, number = owner.attribute(element, "unit"), unit or ""
            self._refuse(refusal.refused_value(place, bound, number, error))
            return _REFUSED

    def _value(self, bound: Bound, text: str, place: Place) -> Any:
        if not isinstance(bound.content, Value):
            raise TypeError(f"'{bound.name}' is not bound to a text")
        try:
            return bound.content.codec.parse(text)
        except BadValueError as error:
            self._refuse(refusal.refused_value(place, bound, text, error))
            return _REFUSED

    def _only_text(self, element: etree._Element, place: Place) -> str:
        for child in element.iterchildren("*"):
            self._refuse(refusal.refused_name(place.child(child, 1), str(child.tag), []))
        return "".join(_texts(element))

    def _no_text(self, element: etree._Element, place: Place) -> None:
        for text in _texts(element):
            if stray := text.strip(_XML_SPACE):
                self._refuse(refusal.stray_text(place, stray))


def _texts(element: etree._Element) -> list[str]:
    """The pieces of an element's own text; comments and child elements lie between them."""
    return [str(text) for text in (element.text, *(child.tail for child in element)) if text]
