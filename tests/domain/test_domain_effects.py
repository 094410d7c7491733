"""Nothing that is accepted is ignored: each declared field is read by what runs the guest."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import kvmctl
from kvmctl.domain import model
from kvmctl.domain.binding import Value, shape_of
from kvmctl.domain.codecs import Choice
from tests.domain import strategies

ROOMS: Final = ("backends", "driver", "vmm", "domain/model")
"""The model's own properties give several fields one meaning, such as a disk's source."""

WITHOUT_A_READER: Final = {
    ("Cpu", "fallback"): "a guest never gets another model than the one that it names",
    ("Features", "pae"): "every processor of the machine has it",
    ("VcpuState", "hotpluggable"): "no vCPU comes or goes while the guest runs",
    ("VcpuState", "order"): "no vCPU comes or goes while the guest runs",
    ("Domain", "pm"): "it only says that the guest cannot suspend itself",
    ("Domain", "seclabels"): "it only says that there is none",
    ("Seclabel", "model"): "it only says that there is none",
    ("Features", "vmport"): "it only says that there is none",
    ("Features", "smm"): "it only says that there is none",
    ("Vsock", "cid_auto"): "the defaults settle it with the number",
}
_COMPUTED_NAMES: Final = {"IoTune", "HostOffloads", "GuestOffloads"}
"""Read as a whole, by names that are put together (test_throttle.py, virtio/net/test_control.py)."""


def classes() -> Iterator[type[Any]]:
    for info in pkgutil.iter_modules(model.__path__):
        module = importlib.import_module(f"{model.__name__}.{info.name}")
        for each in vars(module).values():
            if dataclasses.is_dataclass(each) and each.__module__ == module.__name__:
                yield each  # type: ignore[misc]


def names_read() -> set[str]:
    found = set()
    for room in ROOMS:
        for path in (Path(kvmctl.__file__).parent / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    found.add(node.attr)
                elif (
                    isinstance(node, ast.Constant) and isinstance(node.value, str) and room != "domain/model"
                ):
                    found.add(str(node.value))
    return found


READ: Final = names_read()


def names_drawn() -> set[str]:
    """What the strategies build, by keyword or by a table."""
    found = set()
    for path in Path(strategies.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg is not None:
                found.add(node.arg)
            elif isinstance(node, ast.Constant):
                found.add(str(node.value))
    return found


DRAWN: Final = names_drawn()


def single_word(cls: type[Any], name: str) -> bool:
    """Whether the XML can say one thing only, which is how the machine is."""
    for bound in shape_of(cls).bounds():
        if bound.name == name and isinstance(bound.content, Value):
            codec = bound.content.codec
            return isinstance(codec, Choice) and len(codec.words) == 1
    return False


@pytest.mark.parametrize("cls", [each for each in classes() if each.__name__ not in _COMPUTED_NAMES])
def test_every_field_has_a_reader(cls: type[Any]) -> None:
    for field in dataclasses.fields(cls):
        expected = single_word(cls, field.name) or (cls.__name__, field.name) in WITHOUT_A_READER
        assert field.name in READ or expected, f"{cls.__name__}.{field.name} has no effect"


_NOT_DRAWN: Final = {
    ("PortAddress", "port"): "two devices would be on one port",
    ("Numatune", "placement"): "a set of nodes says the same, and is kept",
}


@pytest.mark.parametrize("cls", [each for each in classes() if each.__name__ not in _COMPUTED_NAMES])
def test_the_property_tests_draw_every_field(cls: type[Any]) -> None:
    for field in dataclasses.fields(cls):
        expected = single_word(cls, field.name) or (cls.__name__, field.name) in _NOT_DRAWN
        assert field.name in DRAWN or expected, f"{cls.__name__}.{field.name} is in no strategy"


def test_the_exceptions_are_fields() -> None:
    declared = {(cls.__name__, field.name) for cls in classes() for field in dataclasses.fields(cls)}
    assert set(WITHOUT_A_READER) <= declared
