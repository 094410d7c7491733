"""Work on a stranger's bytes in a process that can do nothing else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kvmctl.vmm.jail import apart, seccomp


def test_the_result_comes_back() -> None:
    data = os.urandom(3 << 20)
    result = apart.run(lambda: data, seccomp.compile())
    assert result is not None
    assert result[:] == data


def test_a_failure_is_none() -> None:
    assert apart.run(lambda: b"", None) is None
    assert apart.run(lambda: bytes(1 // int("0")), None) is None


@pytest.mark.parametrize("filtered", [True, False])
def test_nothing_else_can_be_done(filtered: bool, tmp_path: Path) -> None:
    """Without capabilities even root's own files can be opened, which the filters are for."""
    victim = tmp_path / "file"
    victim.write_text("before")
    programs = seccomp.compile() if filtered else None

    def write() -> bytes:
        victim.write_text("after")
        return b"done"

    assert (apart.run(write, programs) is None) is filtered
    assert victim.read_text() == ("before" if filtered else "after")

    def network() -> bytes:
        socket.socket(socket.AF_INET)
        return b"done"

    assert (apart.run(network, programs) is None) is filtered
