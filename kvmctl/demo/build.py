"""Compile the demo guest: freestanding C and assembly to one ELF64 file.

Only the standard library and gcc: setup.py runs this before the package's dependencies are there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUEST = HERE / "monitor.elf"
SOURCES = ("start.S", "monitor.c", "console.c", "line.c", "clock.c", "interrupts.c")
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


def inputs() -> list[Path]:
    """Every file that the guest is made of."""
    return [HERE / name for name in SOURCES] + sorted(HERE.glob("*.h")) + [HERE / "guest.ld", Path(__file__)]


def build(output: Path = GUEST, *, compiler: str = "gcc") -> Path:
    """Make the guest unless it is newer than all it is made of; raises CalledProcessError or OSError."""
    if output.exists() and output.stat().st_mtime >= max(path.stat().st_mtime for path in inputs()):
        return output
    partial = output.with_suffix(".partial")
    command = [compiler, *FLAGS, "-T", str(HERE / "guest.ld"), *(str(HERE / name) for name in SOURCES)]
    subprocess.run([*command, "-o", str(partial)], check=True)
    partial.replace(output)
    return output


if __name__ == "__main__":
    print(build(*map(Path, sys.argv[1:2])))
