"""XML to dataclasses along their declarations; every name and value that no declaration has is refused."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from lxml import etree

from kvmctl.domain import known
from kvmctl.domain.advice import advice
from kvmctl.domain.binding import Bound, Flags, Nested, Shape, Size, Value, Verbatim, shape_of
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.units import parse_size


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is: the name path for tables, the counted path for people, and the line."""

    names: str
    path: str
    line: int | None

    def attribute(self, name: str) -> "Place":
        return Place(f"{self.names}/@{name}", f"{self.path}/@{name}", self.line)

    def child(self, element: etree._Element, number: int) -> "Place":
        count = f"[{number}]" if number > 1 else ""
        return Place(f"{self.names}/{element.tag}", f"{self.path}/{element.tag}{count}", element.sourceline)

    def __str__(self) -> str:
        return f"({self.path}, line {self.line})" if self.line is not None else f"({self.path})"

    def error(self, kind: ErrorKind, message: str) -> DomainError:
        return DomainError(kind, message, line=self.line, path=self.path)


@dataclass(slots=True)
class Reader:
    lines: dict[str, int | None] = field(default_factory=dict)
    """The line of every place that was read, by its path, for findings that come later."""

    def read(self, cls: type[Any], root: etree._Element) -> Any:
        if root.tag != cls.__name__.lower():
            message = f"unexpected root element <{_shown(root.tag)}>, expecting <{cls.__name__.lower()}>"
            raise DomainError(ErrorKind.XML_ERROR, message, line=root.sourceline, path=f"/{_shown(root.tag)}")
        return self._object(cls, frozenset(), root, Place(str(root.tag), f"/{root.tag}", root.sourceline))

    def _object(self, cls: type[Any], without: frozenset[str], element: etree._Element, place: Place) -> Any:
        values: dict[str, Any] = {}
        shape = shape_of(cls, without)
        self._element(shape, element, place, values)
        for bound in shape.bounds():
            if bound.binding.required and bound.name not in values:
                raise _missing(bound, place)
        result = cls(**values)
        finish = getattr(result, "after_parse", None)
        return finish() if finish else result

    def _element(self, shape: Shape, element: etree._Element, place: Place, values: dict[str, Any]) -> None:
        self.lines[place.path] = place.line
        for name, text in element.attrib.items():
            here = place.attribute(str(name))
            bound = shape.attributes.get(str(name))
            if bound is None:
                raise _refused("attribute", str(name), here, [*shape.attributes])
            self.lines[here.path] = here.line
            values[bound.name] = self._value(bound, str(text), here)
        if shape.text is not None:
            _no_children(element, place)
            text = element.text or ""
            # libvirt takes an empty element for an absent one.
            if text or shape.text.binding.required:
                values[shape.text.name] = self._value(shape.text, text, place)
            return
        _no_text(element, place)
        self._children(shape, element, place, values)

    def _children(self, shape: Shape, element: etree._Element, place: Place, values: dict[str, Any]) -> None:
        counts: dict[str, int] = {}
        for child in element:
            name = str(child.tag)
            counts[name] = counts.get(name, 0) + 1
            here = place.child(child, counts[name])
            inside = shape.children.get(name)
            if inside is None:
                raise _refused("element", name, here, [*shape.children])
            many = isinstance(inside, Bound) and isinstance(inside.content, Nested) and inside.content.many
            if counts[name] > 1 and not many:
                raise here.error(ErrorKind.XML_ERROR, f"element '{name}' may appear only once {here}")
            if isinstance(inside, Shape):
                self._element(inside, child, here, values)
            elif many:
                values[inside.name] = (*values.get(inside.name, ()), self._content(inside, child, here))
            else:
                values[inside.name] = self._content(inside, child, here)

    def _content(self, bound: Bound, element: etree._Element, place: Place) -> Any:
        match bound.content:
            case Nested(cls, _, without):
                return self._object(cls, without, element, place)
            case Size():
                return self._size(bound, element, place)
            case Flags(names):
                return self._flags(names, element, place)
            case Verbatim():
                self.lines[place.path] = place.line
                return etree.tostring(element, encoding="unicode", with_tail=False)
            case Value():
                raise TypeError(f"'{bound.name}' is bound to an element's text")

    def _value(self, bound: Bound, text: str, place: Place) -> Any:
        content = bound.content
        if not isinstance(content, Value):
            raise TypeError(f"'{bound.name}' is not bound to a text")
        try:
            return content.codec.parse(text)
        except BadValueError as error:
            raise _bad_value(error, text, place) from error

    def _size(self, bound: Bound, element: etree._Element, place: Place) -> int:
        self.lines[place.path] = place.line
        unit = element.get("unit")
        for name in element.attrib:
            if name != "unit":
                raise _refused("attribute", str(name), place.attribute(str(name)), ["unit"])
        _no_children(element, place)
        text = element.text or ""
        try:
            return parse_size(text, unit)
        except BadValueError as error:
            if error.kind is ErrorKind.INVALID_ARG:
                raise _bad_value(error, unit or "", place.attribute("unit")) from error
            raise _bad_value(error, text, place) from error

    def _flags(self, names: tuple[str, ...], element: etree._Element, place: Place) -> tuple[str, ...]:
        shape = Shape({}, {name: Shape({}, {}) for name in names})
        self._element(shape, element, place, {})
        present = {child.tag for child in element}
        return tuple(name for name in names if name in present)


def _refused(what: str, name: str, place: Place, allowed: list[str]) -> DomainError:
    """The outcome for a name without a declaration: known to libvirt, or not even that."""
    shown = _shown(name)
    place = Place(place.names, place.path.replace(name, shown), place.line)
    if known.is_known(place.names) or etree.QName(name).namespace in known.NAMESPACES:
        hint = advice(place.names)
        message = f"{what} '{shown}' is not supported {place}" + (f": {hint}" if hint else "")
        return place.error(ErrorKind.CONFIG_UNSUPPORTED, message)
    if close := get_close_matches(name, allowed, 1):
        expected = f": did you mean '{close[0]}'?"
    elif allowed:
        expected = f": expected {_listed(allowed)}"
    else:
        expected = f": no {what} is expected here"
    return place.error(ErrorKind.XML_DETAIL, f"unknown {what} '{shown}' {place}{expected}")


def _bad_value(error: BadValueError, text: str, place: Place) -> DomainError:
    kind = error.kind
    hint = None
    if known.is_known_word(place.names, text):
        kind = ErrorKind.CONFIG_UNSUPPORTED
        hint = advice(place.names)
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    verb = "is not supported" if kind is ErrorKind.CONFIG_UNSUPPORTED else "is not valid"
    what = place.path.rpartition("/")[2]
    subject = f"value '{shown}' of {'attribute' if what.startswith('@') else 'element'} '{what.removeprefix('@')}'"
    return place.error(kind, f"{subject} {verb} {place}: {hint or f'expected {error.expected}'}")


def _missing(bound: Bound, place: Place) -> DomainError:
    parent, _, last = bound.binding.path.rpartition("/")
    where = Place(f"{place.names}/{parent}", f"{place.path}/{parent}".rstrip("/"), place.line)
    what = f"attribute '{last[1:]}'" if last.startswith("@") else f"element '{last}'"
    return where.error(ErrorKind.XML_ERROR, f"missing {what} {where}")


def _no_children(element: etree._Element, place: Place) -> None:
    for child in element:
        raise _refused("element", str(child.tag), place.child(child, 1), [])


def _no_text(element: etree._Element, place: Place) -> None:
    texts = [element.text, *(child.tail for child in element)]
    stray = next((text.strip() for text in texts if text and text.strip(" \t\r\n")), None)
    if stray is not None:
        shown = stray if len(stray) <= 40 else f"{stray[:37]}..."
        raise place.error(ErrorKind.XML_DETAIL, f"unexpected text '{shown}' {place}: only elements are expected here")


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _shown(tag: Any) -> str:
    """A name as a person wrote it: without the namespace's braces."""
    name = etree.QName(tag)
    return f"{name.localname} (namespace {name.namespace})" if name.namespace else name.localname
