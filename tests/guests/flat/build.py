"""Compile a flat guest of this directory: bare 64-bit code at ring 3, for tests and measurements."""

from __future__ import annotations

import subprocess
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_OPTIONS = (
    "-O2",
    "-std=gnu11",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-mgeneral-regs-only",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,-Ttext=0x100000,--build-id=none",
)


def build(name: str, directory: Path) -> Path:
    """The path of the program made from `name`.c."""
    program = directory / f"{name}.elf"
    sources = [str(_HERE / f"{name}.c"), str(_HERE / "note.S")]
    subprocess.run(["gcc", *_OPTIONS, "-o", str(program), *sources], check=True)
    return program
