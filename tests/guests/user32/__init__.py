"""A 32-bit /init in C, whose system calls work on every kind of KVM (entry.S says how)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.guests.linux import cpio

HERE = Path(__file__).resolve().parent
CHECKS = 8
"""How many lines of /init end in "ok"."""

_FLAGS = (
    *("-m32", "-Os", "-Wall", "-Werror", "-ffreestanding", "-fno-pic", "-fno-pie", "-fno-stack-protector"),
    # KVM's emulator, which may run this code, knows neither x87 nor SSE arithmetic.
    *("-mgeneral-regs-only", "-nostdlib", "-static", "-Wl,--build-id=none"),
)


def initramfs(directory: Path, source: str = "init.c") -> Path:
    """Compile /init and pack it, uncompressed."""
    program, archive = directory / "init", directory / "user32.cpio"
    subprocess.run(["gcc", *_FLAGS, "-o", program, HERE / "entry.S", HERE / source], check=True)
    entries = [
        cpio.directory("dev"),
        cpio.character_device("dev/console", 5, 1),
        cpio.program("init", program.read_bytes()),
    ]
    archive.write_bytes(cpio.archive(entries))
    return archive
