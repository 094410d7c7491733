"""One virsh process that runs many commands, and what each of them said."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MARK = "@row {}@"


@dataclass(frozen=True, slots=True)
class Answer:
    failed: bool
    errors: str
    output: str

    def __str__(self) -> str:
        return f"{'failed' if self.failed else 'succeeded'}\n{self.errors}\n{self.output}"


def run(uri: str, commands: Sequence[str], environment: Mapping[str, str]) -> list[Answer]:
    """Each line is parsed by itself, so that a command with wrong options ends nothing else."""
    lines = [
        line
        for number, command in enumerate(commands)
        for line in (f"echo {_MARK.format(number)}", f"echo --err {_MARK.format(number)}", command)
    ]
    with tempfile.TemporaryDirectory() as directory:  # for what commands save where virsh is
        done = subprocess.run(
            ["virsh", "-q", "-c", uri],
            input="\n".join(lines) + "\n",
            env={**environment, "COLUMNS": "9999", "TERM": "dumb"},  # readline breaks long lines
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=60,
        )
    outputs = _split(done.stdout, len(commands))
    errors = _split(done.stderr, len(commands))
    return [
        Answer("error:" in error, shape(error), shape(output))
        for error, output in zip(errors, outputs, strict=True)
    ]


def _split(text: str, count: int) -> list[str]:
    text = re.sub(r"virsh # [^\n]*\n?", "", text)
    parts = re.split(r"(?:error: )?@row (\d+)@\n?", text)
    found = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    return [found.get(number, "") for number in range(count)]


def shape(text: str) -> str:
    """What is said without what each host and each run says differently: numbers, sizes, white space."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"/\S+", "PATH", text)
    text = re.sub(r"\b0x[0-9a-f]+\b|-?\b\d+(\.\d+)?\b", "N", text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not re.fullmatch(r"-+", line))
