"""A user's directories (XDG Base Directory Specification)."""

from collections.abc import Mapping
from pathlib import Path


def home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def base(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    """What the variable names; a relative path does not count."""
    value = environment.get(variable, "")
    return Path(value) if value.startswith("/") else default


def cache(environment: Mapping[str, str]) -> Path:
    return base(environment, "XDG_CACHE_HOME", home(environment) / ".cache")


def config(environment: Mapping[str, str]) -> Path:
    return base(environment, "XDG_CONFIG_HOME", home(environment) / ".config")
