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
    """The program made from `name`.c, which runs at ring 3 with all ports open."""
    return _link(name, directory, "entry.S", f"{name}.c")


def build_entry(name: str, directory: Path) -> Path:
    """The program made from `name`.S, which has an entry of its own."""
    return _link(name, directory, f"{name}.S")


def _link(name: str, directory: Path, *sources: str) -> Path:
    program = directory / f"{name}.elf"
    subprocess.run(
        ["gcc", *_OPTIONS, "-o", str(program), *(str(_HERE / source) for source in sources)], check=True
    )
    return program
