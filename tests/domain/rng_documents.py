"""Documents drawn from a RELAX NG schema itself: whatever it allows turns up."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st
from lxml import etree

_RNG = "{http://relaxng.org/ns/structure/1.0}"
_RANGES = {
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedLong": (0, 2**64 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
}


_FEW = 4


@dataclass
class Content:
    """What a pattern gave: attributes, and elements with texts in order."""

    attributes: dict[str, str] = field(default_factory=dict)
    items: list[etree._Element | str] = field(default_factory=list)

    def add(self, other: "Content") -> None:
        self.attributes.update(other.attributes)
        self.items += other.items


class Schema:
    def __init__(self, file: Path) -> None:
        self._defines: dict[str, etree._Element] = {}
        self._start: etree._Element | None = None
        self._load(file)

    def _load(self, file: Path) -> None:
        root = etree.parse(str(file)).getroot()
        for include in root.iter(f"{_RNG}include"):
            self._load(file.parent / include.get("href", ""))
        for define in root.iter(f"{_RNG}define"):
            self._defines[define.get("name", "")] = define
        for start in root.iter(f"{_RNG}start"):
            self._start = start

    @property
    def start(self) -> etree._Element:
        assert self._start is not None
        return self._start

    def places(self) -> set[str]:
        """Every element and attribute, as domain/os/type/@arch."""
        found: set[str] = set()
        self._places(self.start, "", found)
        return found

    def _places(self, pattern: etree._Element, path: str, found: set[str]) -> None:
        for part in pattern.iterchildren("*"):
            name = _name(part)
            if part.tag == f"{_RNG}ref":
                self._places(self._defines[name or ""], path, found)
            elif part.tag in (f"{_RNG}element", f"{_RNG}attribute"):
                if name is not None:
                    prefix = "@" if part.tag == f"{_RNG}attribute" else ""
                    inside = f"{path}/{prefix}{name}".removeprefix("/")
                    found.add(inside)
                    self._places(part, inside, found)
            else:
                self._places(part, path, found)

    def documents(self) -> st.SearchStrategy[etree._Element]:
        @st.composite
        def document(draw: st.DrawFn) -> etree._Element:
            root = self._group(draw, self.start, 0).items[0]
            assert not isinstance(root, str)
            # libxml2's validator stumbles over empty text nodes, which no parsed document has.
            return etree.fromstring(etree.tostring(root))

        return document()

    def _group(
        self, draw: st.DrawFn, pattern: etree._Element, depth: int, left_out: Collection[int] = ()
    ) -> Content:
        content = Content()
        for index, part in enumerate(pattern.iterchildren("*")):
            if index in left_out:
                continue
            if part.tag not in (f"{_RNG}param", f"{_RNG}anyName"):
                content.add(self._pattern(draw, part, depth))
        return content

    def _left_out(self, draw: st.DrawFn, interleave: etree._Element) -> set[int]:
        """Of many parts that need not be there, all but a few: documents of everything take too long."""
        free = [
            index
            for index, part in enumerate(interleave.iterchildren("*"))
            if part.tag in (f"{_RNG}optional", f"{_RNG}zeroOrMore")
        ]
        if len(free) <= _FEW:
            return set()
        return set(free) - draw(st.sets(st.sampled_from(free), max_size=_FEW))

    def _pattern(self, draw: st.DrawFn, part: etree._Element, depth: int) -> Content:
        match part.tag.removeprefix(_RNG):
            case "element":
                inside = self._group(draw, part, depth + 1)
                return Content(items=[_element(_name(part) or draw(_NAMES), inside)])
            case "attribute":
                inside = self._group(draw, part, depth)
                text = "".join(str(item) for item in inside.items)
                return Content(attributes={part.get("name") or draw(_NAMES): text})
            case "ref":
                return self._group(draw, self._defines[part.get("name", "")], depth)
            case "group":
                return self._group(draw, part, depth)
            case "optional":
                return self._group(draw, part, depth) if draw(st.booleans()) else Content()
            case "zeroOrMore" | "oneOrMore" as repeated:
                content = Content()
                least = 1 if repeated == "oneOrMore" else 0
                for _ in range(draw(st.integers(least, 2 if depth < 6 else least))):
                    content.add(self._group(draw, part, depth))
                return content
            case "choice":
                return self._pattern(draw, draw(st.sampled_from(list(part.iterchildren("*")))), depth)
            case "interleave":
                content = self._group(draw, part, depth, self._left_out(draw, part))
                content.items = draw(st.permutations(content.items))
                return content
            case "value":
                return Content(items=[part.text or ""])
            case "data":
                return Content(items=[draw(_data(part))])
            case "text":
                return Content(items=[draw(_TEXTS)])
            case "empty":
                return Content()
            case other:
                raise NotImplementedError(other)


def _name(part: etree._Element) -> str | None:
    """Of an element, an attribute or a reference, with the namespace of its own, if it has one."""
    name, namespace = part.get("name"), part.get("ns")
    return f"{{{namespace}}}{name}" if namespace else name


_NAMES = st.sampled_from(["a", "b", "{urn:x}c"])
_CHARACTERS = st.characters(min_codepoint=32, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff")
_TEXTS = st.text(_CHARACTERS, max_size=10)


def _data(part: etree._Element) -> st.SearchStrategy[str]:
    parameters = {one.get("name"): one.text or "" for one in part.iterchildren("*")}
    kind = part.get("type", "")
    if kind in _RANGES:
        low, high = _RANGES[kind]
        low, high = int(parameters.get("minInclusive", low)), int(parameters.get("maxInclusive", high))
        return st.integers(low, high).map(str)
    # XSD's "." and Python's differ in the carriage return only; its patterns are anchored.
    pattern = re.compile(parameters["pattern"])
    return st.from_regex(pattern, fullmatch=True, alphabet=_CHARACTERS)


def _element(name: str, content: Content) -> etree._Element:
    element = etree.Element(name, content.attributes)
    last: etree._Element | None = None
    for item in content.items:
        if not isinstance(item, str):
            element.append(item)
            last = item
        elif last is None:
            element.text = (element.text or "") + item
        else:
            last.tail = (last.tail or "") + item
    return element
