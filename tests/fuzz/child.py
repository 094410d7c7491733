"""One target in a process of its own, so that its limits and its end are its own.

With atheris, coverage chooses the inputs; without it they are changes of the corpus, drawn from a seed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import faulthandler
import importlib.util
import itertools
import json
import mmap
import os
import random
import shutil
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from tests.fuzz.judge import Judge, save
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import CORPUS, REGRESSION, Target, kept

STATE: Final = struct.Struct("<QQQ")
"""Executions, operations, length of the input that follows: what is left when the process is killed."""
STATE_SIZE: Final = 1 << 20
_GUIDED_MEMORY: Final = 1 << 30
"""What coverage's tables and libFuzzer's corpus may take beside the target's own limit."""
_HUNG_SECONDS: Final = 200
"""For what stands still without using the processor; the process ends and says where."""


def has_atheris() -> bool:
    return importlib.util.find_spec("atheris") is not None


def load(name: str, *, instrumented: bool) -> Target:
    if instrumented:
        import atheris

        with atheris.instrument_imports(include=["kvmctl"]):
            return _load(name)
    return _load(name)


def _load(name: str) -> Target:
    from tests.fuzz import targets

    return targets.load(name)


def corpus(name: str, target: Target, more: Path | None = None) -> list[bytes]:
    """Seeds, what is kept, and what earlier runs found in `more`."""
    files = [*kept(name), *(sorted(more.iterdir()) if more is not None and more.is_dir() else ())]
    known = list(target.seeds())
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # another run may choose smaller ones
            known.append(path.read_bytes())
    return known


def inputs(target: Target, known: list[bytes], rng: random.Random) -> Iterator[bytes]:
    """All that is known, then changes of it without end."""
    yield from known
    mutate = target.mutate or Mutator(target.dictionary, known, target.longest)
    while True:
        yield mutate(rng.choice(known), rng)[: target.longest]


def run_slice(name: str, seed: int = 1) -> dict[str, str]:
    """The same inputs in every run of the tests; what was found, by signature."""
    target = load(name, instrumented=False)
    known = corpus(name, target)
    wanted = itertools.islice(inputs(target, known, random.Random(seed)), len(known) + target.slice)
    return _judge(target, wanted)


def run_again(path: Path) -> dict[str, str]:
    """One input that is kept."""
    return _judge(load(path.parent.name, instrumented=False), [path.read_bytes()])


def _judge(target: Target, data: Iterable[bytes]) -> dict[str, str]:
    judge = Judge(target, count_calls=True)
    for each in data:
        judge(each)
    judge.check_descriptors(b"")
    judge.close()
    return {signature: finding.what for signature, (finding, _) in judge.findings.items()}


class _Long:
    """A long run: it tells its state to the parent, and saves what it finds at once."""

    def __init__(self, target: Target, fd: int, crashes: Path) -> None:
        self._state = mmap.mmap(fd, STATE_SIZE)
        self._crashes = crashes
        self._saved: set[str] = set()
        self._judge = Judge(target, count_calls=False)
        self._before = STATE.unpack_from(self._state)[:2]

    def __call__(self, data: bytes) -> None:
        room = STATE_SIZE - STATE.size
        executions, operations = self._before
        judge = self._judge
        STATE.pack_into(
            self._state, 0, executions + judge.executions, operations + judge.operations, min(len(data), room)
        )
        self._state[STATE.size : STATE.size + min(len(data), room)] = data[:room]
        judge(data)
        for signature in judge.findings.keys() - self._saved:
            self._saved.add(signature)
            save(self._crashes, *judge.findings[signature])


def _plain(name: str, target: Target, run: Callable[[bytes], None], options: argparse.Namespace) -> None:
    end = time.monotonic() + options.seconds
    for data in inputs(target, corpus(name, target, options.corpus), random.Random(options.seed)):
        if time.monotonic() > end:
            return
        run(data)


def _guided(name: str, target: Target, run: Callable[[bytes], None], options: argparse.Namespace) -> None:
    import atheris

    for directory in (options.corpus, CORPUS / name):
        directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (options.corpus / f"seed-{number}").write_bytes(data)
    arguments = [
        sys.argv[0],
        f"-max_len={target.longest}",
        f"-max_total_time={options.seconds:.0f}",
        f"-artifact_prefix={options.crashes}/",
        f"-seed={options.seed}",
        "-rss_limit_mb=0",
        "-timeout=600",
        "-close_fd_mask=3",
        "-reload=0",
        "-len_control=20",
        str(options.corpus),
        str(CORPUS / name),
    ]
    if target.dictionary:
        words = options.corpus.with_suffix(".dict")
        words.write_text("".join(map(_dictionary_line, target.dictionary)))
        arguments.append(f"-dict={words}")
    mutate = target.mutate
    if mutate is None:
        atheris.Setup(arguments, run)
    else:

        def change(data: bytes, longest: int, seed: int) -> bytes:
            return mutate(data, random.Random(seed))[:longest]

        atheris.Setup(arguments, run, custom_mutator=change)
    atheris.Fuzz()


def _merge(target: Target, options: argparse.Namespace) -> None:
    """Of the smallest inputs first, those that reach a line of ours that none before them has reached."""
    reached: set[tuple[str, int]] = set()
    judge = Judge(target, count_calls=False)

    def trace(frame: FrameType, _event: str, _argument: object) -> Callable[..., object] | None:
        if f"{os.sep}kvmctl{os.sep}" not in frame.f_code.co_filename:
            return None
        reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    for path in sorted(options.source.iterdir(), key=lambda path: (path.stat().st_size, path.name)):
        before = len(reached)
        sys.settrace(trace)
        judge(path.read_bytes())
        sys.settrace(None)
        if len(reached) > before:
            shutil.copy(path, options.corpus)


def _dictionary_line(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--engine", choices=("atheris", "plain", "merge", "slice", "replay"), required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=int, help="descriptor of the state that the parent reads")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--from", type=Path, dest="source", help="the inputs that a merge chooses from")
    parser.add_argument("--crashes", type=Path)
    return parser.parse_args()


def main() -> None:
    options = _parse()
    threading.stack_size(256 << 10)  # address space is limited, and a thread's stack is mostly that
    names = options.target.split(",")
    if options.engine == "slice":
        for name in names:
            _load(name)
            print(json.dumps([name, in_child(partial(run_slice, name))]), flush=True)
        return
    if options.engine == "replay":
        for path in (path for name in names for path in kept(name) if path.name.startswith(REGRESSION)):
            _load(path.parent.name)
            found = in_child(partial(run_again, path))
            print(json.dumps([f"{path.parent.name}/{path.name}", found]), flush=True)
        return
    target = load(options.target, instrumented=options.engine == "atheris")
    if options.engine == "merge":
        _merge(target, options)
        return
    if options.engine == "atheris":
        target = dataclasses.replace(target, memory=target.memory + _GUIDED_MEMORY)
    run = _Long(target, options.state, options.crashes)
    {"plain": _plain, "atheris": _guided}[options.engine](options.target, target, run, options)


def in_child(run: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Each run starts from the same state, with what all have imported."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        faulthandler.dump_traceback_later(_HUNG_SECONDS, exit=True)
        try:
            findings = run()
        except BaseException as error:
            findings = {"the target itself": "".join(traceback.format_exception(error))}
        with os.fdopen(writer, "w") as out:
            json.dump(findings, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as result:
        text = result.read()
    _, status = os.waitpid(pid, 0)
    if not text:
        return {"death": f"the process ended with status {status}"}
    findings: dict[str, str] = json.loads(text)
    return findings


if __name__ == "__main__":
    main()
