"""run --copy: a disk image stays as it is, and its copy goes with the guest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from kvmctl.cli import diskcopy
from kvmctl.cli.errors import Failure

from .conftest import Cli

_MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A boot sector that halts, a hole, and something at the end."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.write(b"\xfa\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa")
        file.seek(40 * _MIB)
        file.write(os.urandom(3 * _MIB + 17))
        file.truncate(64 * _MIB)
    return path


def test_a_copy_has_the_same_bytes_and_holes(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with diskcopy.copied(image) as copy:
        assert copy.read_bytes() == image.read_bytes()
        assert copy.stat().st_blocks <= image.stat().st_blocks + 16
        assert copy.stat().st_mode & 0o777 == 0o600
    assert not copy.exists()


def test_no_room_is_said(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Failure, match=r"cannot copy .*disk\.img to "), diskcopy.copied(image):
        pass


@pytest.mark.kvm
def test_a_guest_has_its_copy(image: Path, session: Cli) -> None:
    before = image.read_bytes()
    session.ok("run", str(image), "--copy", "--detach", "--name", "it", "--memory", "64M")
    (source,) = etree.fromstring(session.ok("dumpxml", "it")).xpath("/domain/devices/disk/source/@file")
    assert Path(str(source)).parent.name == "run"
    assert not Path(str(source)).exists()
    assert session.ok("list", "--names").split() == ["it"]
    session.ok("destroy", "it")
    assert image.read_bytes() == before


def test_a_kernel_is_not_copied(session: Cli, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"\x7fELF")
    done = session("run", str(kernel), "--copy")
    assert done.returncode == 2
    assert "--copy is for a disk image" in done.stderr
