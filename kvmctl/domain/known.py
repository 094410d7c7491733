"""What libvirt knows: the names of its domain XML, so that "unknown" and "not supported here" are told apart.

known.txt is a tree, one name a line, indented by its depth; '@' marks an attribute, '=' lists the words that
a value may be, and among them '*' is any text.
"""

from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

NAMESPACES = frozenset(
    f"http://libvirt.org/schemas/domain/{driver}/1.0" for driver in ("bhyve", "lxc", "qemu", "xen")
)
"""Namespaces of what libvirt passes through to one hypervisor."""

_ANY = "*"


@cache
def _table() -> Mapping[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    path: list[str] = []
    for line in files(__package__).joinpath("known.txt").read_text("ascii").splitlines():
        entry = line.lstrip(" ")
        name, _, words = entry.partition("=")
        depth = len(line) - len(entry)
        path[depth:] = [name]
        table["/".join(path)] = frozenset(words.split("|")) if words else frozenset()
    return table


def is_known(path: str) -> bool:
    """Whether libvirt's domain XML has this element or attribute, as domain/os/type/@arch."""
    return path in _table()


def is_known_word(path: str, word: str) -> bool:
    """Whether libvirt gives a meaning to this word as the value at that path."""
    return word != _ANY and word in _table().get(path, ())


def takes_any_text(path: str) -> bool:
    """Whether the value at that path is for the hypervisor to judge, as a machine's name is."""
    return _ANY in _table().get(path, ())


def known_paths() -> Collection[str]:
    """Every element and attribute, in the order of the file."""
    return _table().keys()
