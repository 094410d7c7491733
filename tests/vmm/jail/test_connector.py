"""The process that connects to the host's vsock servers for a guest in its jail."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kvmctl.vmm.devices.virtio import vsockhost
from kvmctl.vmm.devices.virtio.vsockhost import Connect
from kvmctl.vmm.jail import give_up_capabilities, seccomp, threads


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    programs = seccomp.compile()

    def confine() -> None:
        give_up_capabilities()
        threads.confine_connector(programs)

    directory = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "guest.vsock"))
        others = set(psutil.Process().children())
        channel = vsockhost.fork(listening, directory, confine)
        (connector,) = set(psutil.Process().children()) - others
    yield vsockhost.by_connector(channel)
    os.close(channel)
    _, status = os.waitpid(connector.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    os.close(directory)


def test_who_listens_is_reached(connect: Connect, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "guest.vsock_4294967295"))
        server.listen()
        for word in (b"one", b"two"):
            with connect(0xFFFF_FFFF) as end:
                there, _ = server.accept()
                with there:
                    there.sendall(word)
                    assert end.getblocking() is False
                    end.setblocking(True)
                    assert end.recv(10) == word


def test_who_does_not_listen_is_refused(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect(1)
    (tmp_path / "guest.vsock_2").write_text("")
    with pytest.raises(ConnectionRefusedError):
        connect(2)
