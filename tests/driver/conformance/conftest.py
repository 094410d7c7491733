"""libvirt's QEMU driver as the second oracle, where it is installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import peers


@pytest.fixture(scope="session")
def qemu_uri() -> Iterator[str]:
    if os.geteuid() != 0 or not (peers.available("libvirtd") and peers.available(peers.QEMU)):
        pytest.skip("libvirtd and QEMU are not installed, or not for this user")
    with (
        tempfile.TemporaryDirectory(prefix="kvmctl-test-") as name,
        peers.libvirtd(Path(name) / "libvirtd") as uri,
    ):
        yield uri
