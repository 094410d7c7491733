"""A disk as an installer leaves it, without mounting anything: boot sector, GRUB behind it, one partition.

GRUB manual, "BIOS installation": boot.img in the MBR loads core.img from the gap before the first partition.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

GRUB = Path("/usr/lib/grub/i386-pc")
MEMTEST = Path("/boot/memtest86+x64.bin")
_TOOLS = ("grub-mkimage", "mke2fs")
_CORE_MODULES = ("biosdisk", "part_msdos", "ext2")
"""What it takes to find all the others; the emulated guest of a nested KVM unpacks them for seconds."""
_SECTOR = 512
_PARTITION_AT = 1 << 20
_BOOT_CODE_SIZE = 440
_LINUX = 0x83
_ACTIVE = 0x80
_MODULES = ("normal", "serial", "linux", "halt", "echo")
CONFIG_PATH = "boot/grub/grub.cfg"
SERIAL = """insmod serial
insmod linux
insmod halt
insmod echo
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
"""
"""The head of a configuration; modules by name, because there are no lists of the commands in them."""


def missing() -> str | None:
    """What this machine lacks to make such a disk."""
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            return f"{tool} is missing (grub-common, e2fsprogs)"
    return None if GRUB.is_dir() else f"{GRUB} is missing (grub-pc-bin)"


def grub_disk(image: Path, config: str, files: Mapping[str, Path], *, mib: int = 64) -> Path:
    """`files` are put into the partition, beside GRUB's configuration."""
    work = image.with_suffix(".work")
    root = work / "root"
    for name, source in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (root / CONFIG_PATH).parent.mkdir(parents=True, exist_ok=True)
    (root / CONFIG_PATH).write_text(config)
    core = work / "core.img"
    command = ["grub-mkimage", "-O", "i386-pc", "-d", str(GRUB), "-p", "(hd0,msdos1)/boot/grub"]
    subprocess.run([*command, "-o", str(core), *_CORE_MODULES], check=True)
    modules = root / "boot/grub/i386-pc"
    modules.mkdir()
    for name in _with_needed(_MODULES):
        shutil.copy(GRUB / f"{name}.mod", modules)
    partition = work / "partition"
    size = (mib << 20) - _PARTITION_AT
    command = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(partition)]
    subprocess.run([*command, f"{size >> 10}k"], check=True)
    code = core.read_bytes()
    assert _SECTOR + len(code) <= _PARTITION_AT
    with image.open("wb") as disk:
        disk.write(_boot_sector((GRUB / "boot.img").read_bytes(), size))
        disk.write(code)
        disk.truncate(mib << 20)
        disk.seek(_PARTITION_AT)
        with partition.open("rb") as content:
            shutil.copyfileobj(content, disk, 1 << 20)
    shutil.rmtree(work)
    return image


def _with_needed(names: Iterable[str]) -> set[str]:
    """Few of them, because GRUB looks for each in their directory from its start."""
    needs = {}
    for line in (GRUB / "moddep.lst").read_text().splitlines():
        name, _, others = line.partition(":")
        needs[name] = others.split()
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += needs[name]
    return found


def _boot_sector(code: bytes, partition_size: int) -> bytes:
    entry = struct.pack(
        "<B3sB3sII",
        *(_ACTIVE, b"\xfe\xff\xff", _LINUX, b"\xfe\xff\xff"),
        *(_PARTITION_AT // _SECTOR, partition_size // _SECTOR),
    )
    table = entry.ljust(64, b"\0")
    return code[:_BOOT_CODE_SIZE].ljust(446, b"\0") + table + b"\x55\xaa"
