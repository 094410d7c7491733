"""A slice of the fuzzing, the same in every run, and every input that once broke something."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.scratch import ROOT, SCRATCH, environment
from tests.fuzz.target import CORPUS, REGRESSION

BROKEN = sorted(CORPUS.glob(f"*/{REGRESSION}*"))

Findings = dict[str, dict[str, str]]


def fuzz(engine: str) -> Findings:
    """In a process of its own: what is limited there is not limited here."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.child", ",".join(targets.names()), "--engine", engine],
            cwd=ROOT,
            env=environment(Path(scratch)),
            capture_output=True,
            text=True,
            timeout=250,
        )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.fixture(scope="session")
def found() -> Findings:
    return fuzz("slice")


@pytest.fixture(scope="session")
def replayed() -> Findings:
    return fuzz("replay")


@pytest.mark.parametrize("name", targets.names())
def test_slice(name: str, found: Findings) -> None:
    assert not found[name], "\n".join(f"{what}\n{how}" for what, how in found[name].items())


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke(path: Path, replayed: Findings) -> None:
    found = replayed[f"{path.parent.name}/{path.name}"]
    assert not found, "\n".join(found.values())
