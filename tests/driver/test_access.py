"""Who may do what at the daemon: polkit, the log of who changed what, limits."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from kvmctl.driver import access
from kvmctl.driver.config import Config, ConfigError, parse
from kvmctl.driver.jail import settings
from kvmctl.driver.rpc import Credentials, ErrorCode, Limits, Procedure, Stream, types
from kvmctl.driver.rpc.connection import Connection
from kvmctl.host.jail import NAMESPACES
from tests.driver.rpc.client import Client, RemoteError
from tests.driver.rpc.harness import run, serving

ME = Credentials(os.getpid(), os.getuid(), os.getgid())
DOMAIN = types.Domain("demo", bytes(16), -1)


def stand_in(directory: Path, status: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pkcheck that answers so, and writes what it was asked."""
    program = directory / "pkcheck"
    program.write_text(f'#!/bin/sh\necho "$@" > {directory}/asked\nexit {status}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory / "asked"


@pytest.mark.parametrize(("status", "allowed"), [(0, True), (1, False), (2, False), (3, False)])
def test_polkit_is_asked_about_the_process(
    status: int, allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stand_in(tmp_path, status, monkeypatch)
    assert asyncio.run(access.ask_polkit(ME)) is allowed
    words = asked.read_text().split()
    assert words[words.index("--action-id") + 1] == "org.libvirt.unix.manage"
    pid, start, uid = words[words.index("--process") + 1].split(",")
    assert (int(pid), int(uid)) == (ME.pid, ME.uid)
    assert int(start) > 0


def test_a_client_that_is_gone_is_refused() -> None:
    assert asyncio.run(access.ask_polkit(Credentials(1 << 30, 0, 0))) is False


def test_polkit_that_does_not_run_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse('auth_unix_rw = "polkit"', "x")
    assert access.authentication(Config(), session=False) is None
    with pytest.raises(ConfigError, match="a user's own daemon"):
        access.authentication(config, session=True)
    stand_in(tmp_path, 0, monkeypatch)
    monkeypatch.setattr(access, "_BUS", tmp_path / "bus")
    with pytest.raises(ConfigError, match="polkit needs D-Bus"):
        access.authentication(config, session=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="there is no pkcheck"):
        access.authentication(config, session=False)
    with pytest.raises(ConfigError, match='x:1: auth_unix_rw: expected "none" or "polkit"'):
        parse('auth_unix_rw = "sasl"', "x")


@pytest.mark.parametrize("allowed", [True, False])
def test_nothing_works_before_the_authentication(allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kvmctl.driver.rpc.connection._credentials", lambda _writer: Credentials(os.getpid(), 1000, 1000)
    )

    async def authenticate(client: Credentials) -> bool:
        return allowed and client.uid == 1000

    async def test() -> None:
        async with (
            serving({}, authenticate=authenticate) as (_, path),
            Client.connect(path, opened=False) as client,
        ):
            answer = await client.call(Procedure.AUTH_LIST)
            assert answer.types == (types.AuthType.POLKIT,)
            with pytest.raises(RemoteError, match="authentication required"):
                await client.call(Procedure.CONNECT_OPEN, types.ConnectOpenArgs("kvmctl:///system", 0))
            if not allowed:
                with pytest.raises(RemoteError) as refused:
                    await client.call(Procedure.AUTH_POLKIT)
                assert refused.value.code is ErrorCode.AUTH_FAILED
                return
            assert (await client.call(Procedure.AUTH_POLKIT)).complete == 1
            await client.call(Procedure.CONNECT_OPEN, types.ConnectOpenArgs("kvmctl:///system", 0))

    run(test)


def test_who_changes_something_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def destroy(_connection: Connection, _arguments: object) -> None:
        return None

    async def test() -> None:
        async with serving({Procedure.DOMAIN_DESTROY: destroy}) as (_, path), Client.connect(path) as client:
            await client.call(Procedure.DOMAIN_DESTROY, types.DomainDestroyArgs(DOMAIN))

    with caplog.at_level(logging.INFO, "kvmctl.driver.rpc"):
        run(test)
    said = f"(pid {ME.pid}, uid {ME.uid}, gid {ME.gid}) calls virDomainDestroy"
    assert said in caplog.text


def test_a_client_has_only_so_many_streams() -> None:
    async def console(_connection: Connection, _arguments: object, _stream: Stream) -> None:
        return None

    async def test() -> None:
        handlers = {Procedure.DOMAIN_OPEN_CONSOLE: console}
        async with serving(handlers, limits=Limits(streams=2)) as (_, path), Client.connect(path) as client:
            arguments = types.DomainOpenConsoleArgs(DOMAIN, None, 0)
            for _ in range(2):
                await client.call(Procedure.DOMAIN_OPEN_CONSOLE, arguments)
            with pytest.raises(RemoteError, match="a client may have 2 streams"):
                await client.call(Procedure.DOMAIN_OPEN_CONSOLE, arguments)

    run(test)


def test_the_jail_by_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    default = settings(Config())
    assert default.namespaces == NAMESPACES
    assert default.seccomp and default.drop_capabilities
    assert not default.seccomp_required and not default.namespaces_required
    assert default.max_core == 0
    config = parse('namespaces = [ "mount", "net", ]\nseccomp_sandbox = 1\nmax_files = 99', "x")
    chosen = settings(config)
    assert (chosen.namespaces, chosen.namespaces_required) == (("mount", "net"), True)
    assert (chosen.seccomp_required, chosen.max_files) == (True, 99)
    assert settings(parse("namespaces = []", "x")).namespaces == ()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert settings(Config()).uid is None
    with pytest.raises(ConfigError, match="only the daemon that root runs"):
        settings(parse('user = "nobody"', "x"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's daemon has a choice")
def test_the_user_of_guests() -> None:
    assert settings(parse('user = "nobody"', "x")).uid == 65534
    both = settings(parse('user = "+1234"\ngroup = "+5678"', "x"))
    assert (both.uid, both.gid) == (1234, 5678)
    assert settings(Config()).uid not in (None, 0)
    for line, message in (
        ('user = "no such user"', "user: there is no user 'no such user'"),
        ('group = "no such group"', "group: there is no group 'no such group'"),
        ('user = "+x"', "user: '\\+x' is no number"),
    ):
        with pytest.raises(ConfigError, match=message):
            settings(parse(line, "x"))


@pytest.mark.parametrize(
    "line", ['namespaces = "mount"', 'namespaces = [ "time" ]', "namespaces = [ 1 ]", "seccomp_sandbox = 2"]
)
def test_what_is_no_jail(line: str) -> None:
    with pytest.raises(ConfigError):
        parse(line, "x")
