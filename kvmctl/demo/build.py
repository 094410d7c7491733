"""Compile the guests that kvmctl brings, the demo and the self-test: freestanding C and assembly.

Only the standard library and gcc: setup.py runs this before the package's dependencies are there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_COMMON = ("start.S", "console.c", "clock.c", "interrupts.c")
PROGRAMS = {
    "monitor.elf": (*_COMMON, "monitor.c", "line.c"),
    "selftest.elf": (*_COMMON, "selftest.c", "modes.S", "virtio.c"),
}
"""The files, each with what it is made of besides the headers."""
FLAGS = (
    *("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"),
    *("-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-mcmodel=small"),
    # Interrupts come on the interrupted code's stack, and no one saves vector registers.
    *("-mno-red-zone", "-mgeneral-regs-only"),
    # There is no C library: no calls to memset or a stack guard may be made up.
    *("-fno-tree-loop-distribute-patterns", "-fno-stack-protector"),
    *("-fcf-protection=none", "-fno-asynchronous-unwind-tables"),
    *("-Wl,--build-id=none", "-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments"),
)


def inputs(program: str) -> list[Path]:
    """Every file that a guest is made of."""
    sources = [HERE / name for name in PROGRAMS[program]]
    return [*sources, *sorted(HERE.glob("*.h")), HERE / "guest.ld", Path(__file__)]


def build(directory: Path = HERE, *, compiler: str = "gcc") -> list[Path]:
    """Make each guest that is not newer than all it is made of; CalledProcessError or OSError on failure."""
    return [_build(directory / program, program, compiler) for program in PROGRAMS]


def _build(output: Path, program: str, compiler: str) -> Path:
    if output.exists() and output.stat().st_mtime >= max(path.stat().st_mtime for path in inputs(program)):
        return output
    partial = output.with_suffix(".partial")
    sources = (str(HERE / name) for name in PROGRAMS[program])
    command = [compiler, *FLAGS, "-T", str(HERE / "guest.ld"), *sources, "-o", str(partial)]
    subprocess.run(command, check=True)
    partial.replace(output)
    return output


if __name__ == "__main__":
    print(*build(*map(Path, sys.argv[1:2])), sep="\n")
