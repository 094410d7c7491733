"""Derive kvmctl/domain/known.txt, the names that the domain XML has, from libvirt's RELAX NG.

python -m tests.domain.known_names /usr/share/libvirt/schemas > kvmctl/domain/known.txt
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

_RNG = "{http://relaxng.org/ns/structure/1.0}"
_NAMES = {f"{_RNG}{tag}" for tag in ("name", "anyName", "nsName", "except")}
_FREE = {f"{_RNG}{tag}" for tag in ("data", "text")}
ANY = "*"


@dataclass
class Names:
    """One element: its attributes and children, and the words that its text may be (ANY: not only words)."""

    words: set[str] = field(default_factory=set)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, "Names"] = field(default_factory=dict)


class Grammar:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._defines: dict[str, list[etree._Element]] = {}
        self._loaded: set[str] = set()
        self._load("domain.rng")

    def _load(self, name: str) -> None:
        if name in self._loaded:
            return
        self._loaded.add(name)
        root = etree.parse(str(self._directory / name)).getroot()
        for include in root.iter(f"{_RNG}include"):
            self._load(include.get("href", ""))
        for define in root.iter(f"{_RNG}define"):
            self._defines.setdefault(define.get("name", ""), []).append(define)

    def names(self) -> Names:
        top = Names()
        for define in self._defines["domain"]:
            self._walk(define, top, (), frozenset())
        return top.children["domain"]

    def _walk(
        self, pattern: etree._Element, names: Names, path: tuple[str, ...], inside: frozenset[str]
    ) -> None:
        for part in pattern.iterchildren(tag=etree.Element):
            if part.tag == f"{_RNG}element":
                # A chain of backing stores may be of any length: its inside is listed once.
                for name in _names_of(part):
                    child = names.children.setdefault(name, Names())
                    if name not in path:
                        self._walk(part, child, (*path, name), frozenset())
            elif part.tag == f"{_RNG}attribute":
                for name in _names_of(part):
                    words = self._words(part, frozenset()) or {ANY}
                    names.attributes.setdefault(name, set()).update(words)
            elif part.tag == f"{_RNG}value":
                names.words.add((part.text or "").strip())
            elif part.tag in _FREE:
                names.words.add(ANY)
            elif part.tag == f"{_RNG}ref":
                target = part.get("name", "")
                if target not in inside:
                    for define in self._defines.get(target, []):
                        self._walk(define, names, path, inside | {target})
            elif part.tag not in _NAMES:
                self._walk(part, names, path, inside)

    def _words(self, pattern: etree._Element, inside: frozenset[str]) -> set[str]:
        words: set[str] = set()
        for part in pattern.iterchildren(tag=etree.Element):
            if part.tag == f"{_RNG}value":
                words.add((part.text or "").strip())
            elif part.tag in _FREE:
                words.add(ANY)
            elif part.tag == f"{_RNG}ref":
                target = part.get("name", "")
                if target not in inside:
                    for define in self._defines.get(target, []):
                        words |= self._words(define, inside | {target})
            elif part.tag not in _NAMES:
                words |= self._words(part, inside)
        return words


def _names_of(part: etree._Element) -> list[str]:
    if part.get("ns"):
        return []
    if part.get("name"):
        return [part.get("name", "")]
    listed = [*part.findall(f"{_RNG}name"), *part.findall(f"{_RNG}choice/{_RNG}name")]
    return [(name.text or "").strip() for name in listed]


def _entry(name: str, words: set[str]) -> str:
    plain = sorted(word for word in words if word and not set(word) & set("| \n"))
    return name + ("=" + "|".join(plain) if plain else "")


def lines(name: str, names: Names, depth: int = 0) -> list[str]:
    result = [" " * depth + _entry(name, names.words)]
    result += [
        " " * (depth + 1) + _entry(f"@{attribute}", words)
        for attribute, words in sorted(names.attributes.items())
    ]
    for child, inside in sorted(names.children.items()):
        result += lines(child, inside, depth + 1)
    return result


def table(directory: Path) -> str:
    return "\n".join(lines("domain", Grammar(directory).names())) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1])))
