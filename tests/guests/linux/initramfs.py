"""The test guest's initramfs: /init and a console, uncompressed, since the guest may be emulated."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from tests.guests.linux import cpio

SOURCE = Path(__file__).resolve().parent / "init.S"
LINE = "kvmctl: init reached"
"""What /init prints."""


def build(directory: Path, source: Path = SOURCE) -> Path:
    """Assemble /init and pack it; the path of the archive in `directory`."""
    with tempfile.TemporaryDirectory() as scratch:
        compiled, linked = Path(scratch, "init.o"), Path(scratch, "init")
        subprocess.run(["as", "--32", "-I", str(SOURCE.parent), "-o", str(compiled), str(source)], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-s", "-o", str(linked), str(compiled)], check=True)
        program = linked.read_bytes()
    content = cpio.archive(
        [
            cpio.directory("dev"),
            cpio.character_device("dev/console", 5, 1),
            cpio.program("init", program),
        ]
    )
    path = directory / f"initramfs-{hashlib.sha256(content).hexdigest()[:16]}.cpio"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=directory)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o644)
            file.write(content)
        Path(name).rename(path)
    return path
