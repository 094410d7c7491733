"""The cache of decompressed kernels: hits, damage, strangers' fault."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from kvmctl.vmm.boot import cache, decompress
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.boot import images
from tests.vmm.boot.conftest import Load

IMAGE = images.bzimage(images.compressed(images.elf(), "zstd"))


def entry_of(directory: Path) -> Path:
    (entry,) = directory.iterdir()
    return entry


def test_the_second_start_does_not_decompress(
    boot: Load, memory: GuestMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot(IMAGE, cache_dir=tmp_path)
    monkeypatch.delattr(decompress, "decompress")
    memory.clear()
    boot(IMAGE, cache_dir=tmp_path)
    assert memory.read(images.LOAD_ADDRESS, len(images.code())) == images.code()


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "garbage"])
def test_damage_is_found_and_repaired(damage: str, boot: Load, memory: GuestMemory, tmp_path: Path) -> None:
    boot(IMAGE, cache_dir=tmp_path)
    path = entry_of(tmp_path)
    good = path.read_bytes()
    bad = {
        "flip": good[:200] + bytes([good[200] ^ 1]) + good[201:],
        "truncate": good[:-100],
        "empty": b"",
        "garbage": b"\xff" * len(good),
    }[damage]
    path.write_bytes(bad)
    memory.clear()
    boot(IMAGE, cache_dir=tmp_path)
    assert memory.read(images.LOAD_ADDRESS, len(images.code())) == images.code()
    assert entry_of(tmp_path).read_bytes() == good


def test_an_unusable_directory_costs_only_time(boot: Load, tmp_path: Path) -> None:
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    assert boot(IMAGE, cache_dir=obstacle / "cache").rip == images.LOAD_ADDRESS


def test_a_symbolic_link_is_not_followed(boot: Load, tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    boot(IMAGE, cache_dir=directory)
    path = entry_of(directory)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    boot(IMAGE, cache_dir=directory)
    assert not path.is_symlink()


def test_old_entries_go(tmp_path: Path) -> None:
    kernels = cache.KernelCache(tmp_path)
    for number in range(20):
        kernels.store(bytes([number]), b"kernel")
        os.utime(next(path for path in tmp_path.iterdir() if path.stat().st_mtime > 1e9), (number, number))
    assert len(list(tmp_path.iterdir())) == 16
    assert kernels.open(b"\0") is None
    fd = kernels.open(bytes([19]))
    assert fd is not None
    os.close(fd)


def test_writers_at_the_same_time(tmp_path: Path) -> None:
    kernels = cache.KernelCache(tmp_path)
    content = images.elf() * 20
    failures: list[str] = []

    def work() -> None:
        for _ in range(20):
            kernels.store(b"payload", content)
            fd = kernels.open(b"payload")
            if fd is None:
                failures.append("damaged")
            else:
                os.close(fd)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(list(tmp_path.iterdir())) == 1
