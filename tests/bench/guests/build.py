"""Compile a measuring guest: an ELF with a PVH entry, which kvmctl-vmm and QEMU start alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_OPTIONS = (
    *(
        "-O2",
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-ffreestanding",
        "-fno-pic",
        "-fno-stack-protector",
    ),
    *("-fno-asynchronous-unwind-tables", "-mgeneral-regs-only", "-nostdlib", "-static", "-no-pie"),
    *("-Wl,-N,-Ttext=0x100000,--build-id=none", "-Wl,--no-warn-rwx-segments"),
)


def build(name: str, directory: Path) -> Path:
    """The path of the program made from `name`.c."""
    program = directory / f"{name}.elf"
    sources = [str(_HERE / "entry.S"), str(_HERE / f"{name}.c")]
    subprocess.run(["gcc", *_OPTIONS, "-o", str(program), *sources], check=True)
    return program
