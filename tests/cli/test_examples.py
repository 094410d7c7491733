"""Every domain of examples/ is good, and starts: with the demo guest as its kernel, and disks made up."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kvmctl import demo
from kvmctl.domain import examine

from .conftest import Cli

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").glob("*.xml")
    if ElementTree.parse(path).getroot().tag == "domain"
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_is_good(path: Path) -> None:
    assert examine(path.read_text()) == []


@pytest.mark.kvm
def test_all_are_defined_and_started(session: Cli, tmp_path: Path) -> None:
    names = []
    for path in EXAMPLES:
        done = session("define", "-", stdin=_with_files(path, tmp_path))
        assert done.returncode == 0, done.stderr
        names.append(done.stderr.split()[1].rstrip("."))
        done = session("start", names[-1])
        assert done.returncode == 0, f"{path}: {done.stderr}"
    running = {row["name"]: row["state"] for row in json.loads(session.ok("list", "--json"))}
    assert running == dict.fromkeys(names, "running")
    for name in names:
        session.ok("destroy", name)


def _with_files(path: Path, directory: Path) -> str:
    """The example with files of this host."""
    root = ElementTree.parse(path).getroot()
    system = root.find("os")
    assert system is not None
    for kernel in system.findall("kernel"):
        kernel.text = str(demo.monitor())
    for initrd in system.findall("initrd"):
        system.remove(initrd)  # the demo guest takes none
    for source in root.findall("devices/disk/source"):
        image = directory / Path(source.get("file", "")).name
        image.write_bytes(bytes(1 << 20))
        source.set("file", str(image))
    for log in root.findall("devices/*/log"):
        log.set("file", str(directory / Path(log.get("file", "")).name))
    return ElementTree.tostring(root, encoding="unicode")
