"""The pinned packages are those that pyproject.toml asks for, each with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("build", "ci", "fuzz")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {name: Version(version) for name, version in PIN.findall(text)}


def asked() -> list[str]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["test"], *extras["lint"]]


@pytest.mark.parametrize("line", asked())
def test_pinned_as_asked_for(line: str) -> None:
    requirement = Requirement(line)
    pinned = pins("ci").get(canonicalize_name(requirement.name))
    assert pinned is not None, f"{requirement.name} is not in requirements/ci.txt: make lock"
    assert pinned in requirement.specifier, f"{pinned} is not {requirement.specifier}: make lock"


@pytest.mark.parametrize("line", PROJECT["build-system"]["requires"])
def test_built_with_what_is_pinned(line: str) -> None:
    requirement = Requirement(line)
    assert pins("build")[canonicalize_name(requirement.name)] in requirement.specifier
    assert line in (ROOT / "requirements" / "build.in").read_text().splitlines()


@pytest.mark.parametrize("line", PROJECT["project"]["dependencies"])
def test_users_are_told_the_least_version(line: str) -> None:
    assert any(each.operator == ">=" for each in Requirement(line).specifier)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes_and_none_an_index(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "://" not in text
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
