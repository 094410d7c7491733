"""kvmctl.conf: what a person or a site wants instead of the built-in defaults (TOML)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kvmctl.host import xdg

from .errors import Failure, Status

SYSTEM_FILE = Path("/etc/kvmctl/kvmctl.conf")


@dataclass(frozen=True, slots=True)
class Config:
    """Every key of the file, with its default."""

    uri: str | None = None
    """The connection where neither -c nor LIBVIRT_DEFAULT_URI names one."""
    color: bool = True
    quiet: bool = False
    top_interval: float = 1.0
    """Seconds between two refreshes of `top`."""
    top_sort: str = "cpu"
    run_memory: str = "512M"
    run_cpus: int = 1


_TYPES: dict[str, tuple[type, ...]] = {
    "uri": (str,),
    "color": (bool,),
    "quiet": (bool,),
    "top_interval": (int, float),
    "top_sort": (str,),
    "run_memory": (str,),
    "run_cpus": (int,),
}
assert set(_TYPES) == {field.name for field in fields(Config)}


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    return xdg.config(environment) / "kvmctl" / "kvmctl.conf"


def load(files: tuple[Path, ...] | None = None) -> Config:
    """The system's file, then the user's, which wins; a file that is not there says nothing."""
    config = Config()
    for path in files if files is not None else (SYSTEM_FILE, user_file()):
        config = replace(config, **_read(path))
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, f"not TOML: {error}") from error
    found = {}
    for key, value in _flat(document):
        if key not in _TYPES:
            raise _wrong(path, f"unknown key '{key.replace('_', '.', 1)}'")
        # A bool is an int to Python, not to whoever writes the file.
        if not isinstance(value, _TYPES[key]) or (isinstance(value, bool) and bool not in _TYPES[key]):
            raise _wrong(path, f"'{key.replace('_', '.', 1)}' must be a {_TYPES[key][-1].__name__}")
        found[key] = value
    return found


def _flat(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """[top] interval = 2 as top_interval."""
    pairs = []
    for key, value in document.items():
        if isinstance(value, dict):
            pairs += [(f"{key}_{name}", inner) for name, inner in value.items()]
        else:
            pairs.append((key, value))
    return pairs


def _wrong(path: Path, what: str) -> Failure:
    return Failure(f"{path}: {what}", "`man kvmctl` lists the keys, under FILES.", Status.USAGE)
