"""Which daemon a URI means, and what happens when it cannot be started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kvmctl.cli import daemon
from kvmctl.cli.errors import Failure, Status

ENVIRONMENT = {"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/7", "XDG_CACHE_HOME": "/home/ann/.c"}


def test_system() -> None:
    found = daemon.endpoint("kvmctl:///system", privileged=True, environment=ENVIRONMENT)
    assert found == daemon.Endpoint(
        uri="kvmctl:///system",
        socket=Path("/run/libvirt/virtkvmctld-sock"),
        log=Path("/var/log/libvirt/virtkvmctld.log"),
        session=False,
        default_socket=True,
    )


def test_session_of_a_user() -> None:
    found = daemon.endpoint("kvmctl:///session", privileged=False, environment=ENVIRONMENT)
    assert found == daemon.Endpoint(
        uri="kvmctl:///session",
        socket=Path("/run/user/7/libvirt/virtkvmctld-sock"),
        log=Path("/home/ann/.c/libvirt/virtkvmctld.log"),
        session=True,
        default_socket=True,
    )


def test_session_without_a_runtime_directory_uses_the_cache() -> None:
    found = daemon.endpoint("kvmctl:///session", privileged=False, environment={"HOME": "/home/ann"})
    assert found and found.socket == Path("/home/ann/.cache/libvirt/virtkvmctld-sock")


def test_session_of_root_names_its_socket() -> None:
    found = daemon.endpoint("kvmctl:///session", privileged=True, environment=ENVIRONMENT)
    assert found and found.uri == "kvmctl+unix:///session?socket=/run/user/7/libvirt/virtkvmctld-sock"


def test_a_named_socket_is_not_ours_to_serve(tmp_path: Path) -> None:
    uri = f"kvmctl+unix:///system?socket={tmp_path}/nothing"
    found = daemon.endpoint(uri, privileged=True, environment=ENVIRONMENT)
    assert found and not found.default_socket
    with pytest.raises(Failure, match="no daemon answers at") as caught:
        daemon.ensure_running(found, privileged=True)
    assert caught.value.status is Status.NO_CONNECTION


@pytest.mark.parametrize(
    "uri", ["qemu:///system", "test:///default", "kvmctl+ssh://host/system", "kvmctl://host/system", ""]
)
def test_other_uris_have_no_daemon_here(uri: str) -> None:
    assert daemon.endpoint(uri, privileged=True, environment=ENVIRONMENT) is None


def test_a_dead_daemons_socket_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert daemon.answers(path)
    assert path.exists()
    assert not daemon.answers(path)


def _endpoint(tmp_path: Path) -> daemon.Endpoint:
    return daemon.Endpoint("kvmctl:///session", tmp_path / "sock", tmp_path / "log" / "d.log", True, True)


def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "virtkvmctld"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(daemon, "_program", lambda: str(program))


def test_a_daemon_that_fails_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, monkeypatch, "seq 20; echo broken: $* >&2; exit 7")
    target = _endpoint(tmp_path)
    target.log.parent.mkdir()
    target.log.write_text("from an earlier run\n")
    with pytest.raises(Failure) as caught:
        daemon.ensure_running(target, privileged=True)
    message = str(caught.value)
    assert message.startswith("virtkvmctld ended with status 7 while it started:\n")
    assert message.endswith("\n  20\n  broken: --timeout 120 --session")
    assert "earlier" not in message
    assert caught.value.hint and str(target.log) in caught.value.hint


def test_a_daemon_that_hangs_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, monkeypatch, "exec sleep 2")
    monkeypatch.setattr(daemon, "START_SECONDS", 0.2)
    with pytest.raises(Failure, match=r"does not answer at .* and logged nothing"):
        daemon.ensure_running(_endpoint(tmp_path), privileged=True)


def test_the_systems_daemon_is_roots_to_start(tmp_path: Path) -> None:
    target = daemon.Endpoint("kvmctl:///system", tmp_path / "sock", tmp_path / "log", False, True)
    with pytest.raises(Failure, match="only root can start it") as caught:
        daemon.ensure_running(target, privileged=False)
    assert caught.value.hint and "kvmctl:///session" in caught.value.hint
