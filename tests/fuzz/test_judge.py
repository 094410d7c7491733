"""The judge finds what it is there for and nothing else; changes of inputs are the same for the same seed."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable

import pytest

from tests.fuzz import targets
from tests.fuzz.child import corpus, in_child, inputs
from tests.fuzz.judge import MOST_MESSAGES, Judge
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import Run, Target

log = logging.getLogger(__name__)


def findings(run: Run, *, count_calls: bool = True, times: int = 1) -> dict[str, str]:
    """What is found of a target that is this function."""

    def judge() -> dict[str, str]:
        made = Judge(
            Target(prepare=lambda: run, seeds=list, slice=0, refusals=(LookupError,), calls=10_000),
            count_calls=count_calls,
        )
        for _ in range(times):
            made(b"input")
        made.check_descriptors(b"input")
        return {signature: finding.what for signature, (finding, _) in made.findings.items()}

    return in_child(judge)


def _fine(data: bytes) -> int:
    log.warning("one")
    return len(data)


def _refuses(_data: bytes) -> int:
    raise KeyError("no")


def _fails(_data: bytes) -> int:
    raise ValueError("wrong")


def _loops(_data: bytes) -> int:
    while True:
        len(b"")


def _loops_and_catches(_data: bytes) -> int:
    while True:
        try:
            len(b"")
        except Exception:
            return 0


def _allocates(_data: bytes) -> int:
    return len(bytearray(1 << 30))


def _allocates_and_refuses(_data: bytes) -> int:
    try:
        return len(bytearray(1 << 30))
    except MemoryError as error:
        raise KeyError("too large") from error


def _leaks(_data: bytes) -> int:
    os.eventfd(0)
    return 1


def _logs_an_exception(_data: bytes) -> int:
    try:
        raise ValueError("wrong")
    except ValueError:
        log.exception("it failed")
    return 1


def _fills_the_log(_data: bytes) -> int:
    for number in range(MOST_MESSAGES + 1):
        log.warning("number %d", number)
    return 1


@pytest.mark.parametrize("run", [_fine, _refuses])
def test_nothing_is_found(run: Run) -> None:
    assert findings(run, times=3) == {}


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (_fails, "ValueError: wrong"),
        (_loops, "too many calls"),
        (_loops_and_catches, "too many calls"),
        (_allocates, "MemoryError"),
        (_allocates_and_refuses, "MemoryError"),
        (_leaks, "descriptors are left open"),
        (_logs_an_exception, "ValueError: wrong"),
        (_fills_the_log, "it fills the log"),
    ],
)
def test_it_is_found_once(run: Run, what: str) -> None:
    (found,) = findings(run, times=2).values()
    assert what in found


def test_too_much_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.judge.CPU_SECONDS", 0.1)
    (found,) = findings(_loops_and_catches, count_calls=False).values()
    assert "seconds of processor time" in found


def test_a_death_is_found() -> None:
    assert "status" in in_child(lambda: os._exit(3))["death"]


def draw(mutate: Callable[[bytes, random.Random], bytes]) -> list[bytes]:
    rng = random.Random(5)
    return [mutate(b"some bytes of an input", rng) for _ in range(200)]


def test_changes_are_the_same_for_a_seed() -> None:
    mutate = Mutator((b"word",), (b"other", b"inputs"), 40)
    drawn = draw(mutate)
    assert drawn == draw(mutate)
    assert len(set(drawn)) > 150
    assert max(map(len, drawn)) <= 40
    assert any(b"word" in each for each in drawn)


@pytest.mark.parametrize("name", targets.names())
def test_inputs_are_the_same_for_a_seed(name: str) -> None:
    target = targets.load(name)
    known = corpus(name, target)

    def drawn() -> list[bytes]:
        made = inputs(target, known, random.Random(5))
        return [next(made) for _ in range(len(known) + 30)]

    first = drawn()
    assert first == drawn()
    assert first[: len(known)] == known
    assert all(len(data) <= target.longest for data in first)
