"""Changes to XML documents: mostly to their trees, so that what comes out is mostly XML."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lxml import etree

from tests.fuzz.mutate import Mutator

ROOT: Final = Path(__file__).parents[2]
_VALUES: Final = (
    *("", "0", "1", "-1", "00", " 1 ", "+1", "1.5", "1e3", "0x", "0xffffffffffffffff", "07", "٣", "1_0"),
    *("255", "256", "65535", "65536", "2147483648", "4294967295", "4294967296", "18446744073709551615"),
    *(
        "9" * 40,
        "9" * 5000,
        "yes",
        "on",
        "off",
        "default",
        "auto",
        "virtio",
        "none",
        "/",
        "/dev/null",
        "../x",
    ),
    *(
        "a\nb",
        "\N{PILE OF POO}",
        "\ufffd",
        "x" * 300,
        "0-4294967295",
        "^0",
        "0,^0",
        "1-0",
        "52:54:00:00:00:00",
    ),
    *(
        "192.0.2.1",
        "::1",
        "fe80::1%eth0",
        "255.255.255.255",
        "0.0.0.0",
        "5f1a9a40-3f0c-4a8e-8f3c-0d7f0a5c1e11",
    ),
)
_BYTEWISE: Final = 8
"""One in so many changes is to the text."""


def documents(*patterns: str) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class XmlMutator:
    """`texts` are the documents that elements, attributes and values are taken from."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._elements: list[etree._Element] = []
        for text in texts:
            self._elements += [one for one in etree.fromstring(text).iter() if isinstance(one.tag, str)]
        self._alike: dict[str, list[str]] = {}
        for one in self._elements:
            for name, value in one.attrib.items():
                self._alike.setdefault(f"{one.tag}@{name}", []).append(value)
        values = {value for one in self._elements for value in (*one.attrib.values(), one.text or "")}
        self._values = sorted({*values, *_VALUES})
        self._texts = Mutator(
            (b"<", b">", b"&lt;", b"&#0;", b"]]>", b"<!--", b"<!DOCTYPE d>"), texts, 64 << 10
        )
        self._changes: Sequence[Callable[[etree._Element, random.Random], None]] = (
            self._change_value,
            self._change_value,
            self._change_value,
            self._take_attribute,
            self._take_element,
            self._take_element,
            self._change_text,
            _drop_attribute,
            _drop_element,
            _repeat_element,
            _move_element,
            _rename,
        )

    def __call__(self, data: bytes, rng: random.Random) -> bytes:
        if rng.randrange(_BYTEWISE) == 0:
            return self._texts(data, rng)
        try:
            root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return self._texts(data, rng)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            elements = [one for one in root.iter() if isinstance(one.tag, str)]
            try:
                rng.choice(self._changes)(rng.choice(elements), rng)
            except ValueError:  # a value that XML cannot hold
                continue
        return etree.tostring(root)

    def _change_value(self, element: etree._Element, rng: random.Random) -> None:
        if element.attrib:
            name = rng.choice(sorted(element.attrib))
            alike = self._alike.get(f"{element.tag}@{name}")
            element.set(name, rng.choice(alike if alike and rng.randrange(2) else self._values))

    def _take_attribute(self, element: etree._Element, rng: random.Random) -> None:
        alike = [one for one in self._elements if one.tag == element.tag]
        other = rng.choice(alike or self._elements)
        if other.attrib:
            name = rng.choice(sorted(other.attrib))
            element.set(name, rng.choice((other.attrib[name], rng.choice(self._values))))

    def _take_element(self, element: etree._Element, rng: random.Random) -> None:
        parents = {one.getparent().tag for one in self._elements if one.getparent() is not None}
        fitting = [
            one
            for one in self._elements
            if one.getparent() is not None and one.getparent().tag == element.tag
        ]
        if element.tag not in parents or not fitting:
            fitting = self._elements
        element.insert(rng.randint(0, len(element)), copy.deepcopy(rng.choice(fitting)))

    def _change_text(self, element: etree._Element, rng: random.Random) -> None:
        element.text = rng.choice(self._values)


def _drop_attribute(element: etree._Element, rng: random.Random) -> None:
    if element.attrib:
        del element.attrib[rng.choice(sorted(element.attrib))]


def _drop_element(element: etree._Element, _rng: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _repeat_element(element: etree._Element, rng: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        for _ in range(rng.choice((1, 1, 1, 40))):
            parent.append(copy.deepcopy(element))


def _move_element(element: etree._Element, rng: random.Random) -> None:
    targets = [one for one in element.getroottree().getroot().iter() if isinstance(one.tag, str)]
    target = rng.choice(targets)
    if element.getparent() is not None and element not in (target, *target.iterancestors()):
        target.append(element)


def _rename(element: etree._Element, rng: random.Random) -> None:
    element.tag = rng.choice(("x", element.tag.upper(), "metadata", "disk", "{urn:x}y"))
