"""What is fuzzed: a module a target, each with its TARGET."""

from __future__ import annotations

import importlib
import pkgutil

from tests.fuzz.target import Target


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Target:
    target: Target = importlib.import_module(f"{__name__}.{name}").TARGET
    return target
