"""The wording of refusals: what is wrong, where, what was expected, and what to use instead."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from lxml import etree

from kvmctl.domain import known
from kvmctl.domain.advice import advice
from kvmctl.domain.binding import Bound, Value
from kvmctl.domain.codecs import BadValueError, Choice
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.names import NAMESPACE

_LONGEST_QUOTE = 80


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader is: the name path for tables, the counted path for people, and the line."""

    names: str
    path: str
    line: int | None

    @staticmethod
    def root(element: etree._Element) -> "Place":
        return Place(str(element.tag), f"/{_shown(element, element.tag)}", _line(element))

    def attribute(self, element: etree._Element, name: str) -> "Place":
        return Place(f"{self.names}/@{name}", f"{self.path}/@{_shown(element, name)}", self.line)

    def child(self, element: etree._Element, number: int) -> "Place":
        count = f"[{number}]" if number > 1 else ""
        shown = _shown(element, element.tag)
        return Place(f"{self.names}/{element.tag}", f"{self.path}/{shown}{count}", _line(element))

    @property
    def subject(self) -> str:
        name = self.path.rpartition("/")[2].partition("[")[0]
        return f"attribute '{name[1:]}'" if name.startswith("@") else f"element '{name}'"

    def __str__(self) -> str:
        return f"({self.path}, line {self.line})" if self.line is not None else f"({self.path})"

    def error(self, kind: ErrorKind, message: str) -> DomainError:
        return DomainError(kind, message, line=self.line, path=self.path)


def refused_name(place: Place, tag: str, allowed: list[str]) -> DomainError:
    """The outcome for a name without a declaration: known to libvirt, or not even that."""
    name = etree.QName(tag)
    siblings = [etree.QName(other) for other in allowed]
    names = [other.localname for other in siblings if other.namespace == name.namespace]
    if known.is_known(place.names) or name.namespace in known.NAMESPACES:
        return _unsupported(place, place.subject, advice(place.names))
    if name.namespace and name.namespace != NAMESPACE:
        expected = f"nothing of the namespace '{quoted(name.namespace)}'"
    elif close := get_close_matches(name.localname[:_LONGEST_QUOTE], names, 1):
        expected = f"did you mean '{close[0]}'?"
    elif names:
        expected = f"expected {_listed(names)}"
    else:
        expected = "nothing is expected here"
    return place.error(ErrorKind.XML_DETAIL, f"unknown {place.subject} {place}: {expected}")


def refused_value(place: Place, bound: Bound, text: str, error: BadValueError) -> DomainError:
    choice = isinstance(bound.content, Value) and isinstance(bound.content.codec, Choice)
    subject = f"value '{quoted(text)}' of {place.subject}"
    known_text = known.is_known_word(place.names, text) or (choice and known.takes_any_text(place.names))
    if known_text or error.kind is ErrorKind.CONFIG_UNSUPPORTED:
        return _unsupported(place, subject, advice(place.names) or f"expected {error.expected}")
    return place.error(error.kind, f"{subject} is not valid {place}: expected {error.expected}")


def missing(place: Place, bound: Bound) -> DomainError:
    parents, _, last = bound.binding.path.rpartition("/")
    where = Place(f"{place.names}/{parents}", f"{place.path}/{parents}".rstrip("/"), place.line)
    what = f"attribute '{last[1:]}'" if last.startswith("@") else f"element '{last}'"
    return where.error(ErrorKind.XML_ERROR, f"missing {what} {where}")


def repeated(place: Place) -> DomainError:
    return place.error(ErrorKind.XML_ERROR, f"{place.subject} may appear only once {place}")


def stray_text(place: Place, text: str) -> DomainError:
    message = f"unexpected text '{quoted(text)}' {place}: only elements are expected here"
    return place.error(ErrorKind.XML_DETAIL, message)


def wrong_root(root: etree._Element, expected: str) -> DomainError:
    place = Place.root(root)
    name = _shown(root, root.tag)
    return place.error(
        ErrorKind.XML_ERROR, f"unexpected root element <{name}>, expecting <{expected}> {place}"
    )


def quoted(text: str) -> str:
    """A text for one line of a message."""
    if len(text) <= _LONGEST_QUOTE and text.isprintable():
        return text
    if len(text) > _LONGEST_QUOTE:
        text = f"{text[: _LONGEST_QUOTE - 3]}..."
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _unsupported(place: Place, subject: str, hint: str | None) -> DomainError:
    message = f"{subject} is not supported {place}: {hint or 'leave it out'}"
    return place.error(ErrorKind.CONFIG_UNSUPPORTED, message)


def _listed(names: list[str]) -> str:
    shown = [f"'{name}'" for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _shown(element: etree._Element, tag: Any) -> str:
    """A name as it was written: with its prefix instead of its namespace."""
    if not str(tag).startswith("{"):
        return quoted(str(tag))
    name = etree.QName(tag)
    prefix = next((prefix for prefix, uri in element.nsmap.items() if prefix and uri == name.namespace), None)
    return quoted(f"{prefix}:{name.localname}" if prefix else name.localname)


def _line(element: etree._Element) -> int | None:
    line: Any = element.sourceline
    return line if isinstance(line, int) else None
