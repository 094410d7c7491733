"""virtkvmctld.conf: its syntax, its values, and what the daemon does with them."""

from __future__ import annotations

import configparser
import logging
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.driver import logs
from kvmctl.driver.config import Config, ConfigError, load, parse
from kvmctl.driver.rpc.keepalive import KeepaliveSettings
from tests.conftest import SessionDaemon

SHIPPED = Path("kvmctl/data/virtkvmctld.conf")


def test_all_values() -> None:
    config = parse(
        """
        # a comment
        log_level = 3
        log_filters = "1:rpc 4:driver.events"   # another
        log_outputs = '2:stderr'
        max_clients = 7
        keepalive_interval = -1
        unix_sock_group = "libvirt"
        unix_sock_rw_perms = "0770"
        """,
        "x",
    )
    assert (config.log_level, config.log_filters, config.log_outputs) == (
        3,
        "1:rpc 4:driver.events",
        "2:stderr",
    )
    assert (config.max_clients, config.unix_sock_group, config.unix_sock_rw_perms) == (7, "libvirt", "0770")
    assert config.limits.keepalive == KeepaliveSettings(-1.0, 5)
    assert config.max_client_requests == Config().max_client_requests


def test_the_shipped_file_has_the_defaults() -> None:
    text = (Path(__file__).parents[2] / SHIPPED).read_text()
    assert parse(text, "x") == Config()
    settings = re.findall(r"^#(\w+ = .*)", text, re.MULTILINE)
    stated = parse("\n".join(settings), "x")
    for name in ("log_level", "max_clients", "max_anonymous_clients", "max_client_requests"):
        assert getattr(stated, name) == getattr(Config(), name)
    assert len(settings) == len(Config.__slots__)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no_such_key = 1", "unknown key 'no_such_key'"),
        ("max_clients", "expected: key = value"),
        ("max_clients = many", "max_clients: expected a number, or text in quotes"),
        ("max_clients = 0", "max_clients: expected a number from 1"),
        ('max_clients = "5"', "max_clients: expected a number from 1"),
        ("log_level = 5", "log_level: expected a number from 1 to 4"),
        ("log_filters = 1", "log_filters: expected text in quotes"),
        ('log_filters = "loud:rpc"', "'loud:rpc' is not LEVEL:NAME"),
        ('log_outputs = "1:file:relative"', "'1:file:relative' is not LEVEL:stderr"),
        ('unix_sock_rw_perms = "0999"', "expected octal permissions"),
        ("log_level = 1\nlog_level = 2", "'log_level' is set twice"),
    ],
)
def test_errors_name_the_line(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f"# first\n{line}\n", "file.conf")
    assert str(error.value).startswith(f"file.conf:{2 + line.count(chr(10))}: ")
    assert message in str(error.value)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    try:
        assert isinstance(parse(text, "x"), Config)
    except ConfigError as error:
        assert str(error).startswith("x:")


def test_missing_file(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == Config()
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none", required=True)


def _record(name: str, level: int, text: str = "hello") -> logging.LogRecord:
    return logging.LogRecord(name, level, "/some/file.py", 12, text, (), None, "function")


def test_filters() -> None:
    chosen = logs._Filter(Config(log_level=3, log_filters="1:rpc 4:driver.events"))
    assert chosen.lowest == logging.DEBUG
    assert chosen.filter(_record("kvmctl.driver.rpc.connection", logging.DEBUG))
    assert not chosen.filter(_record("kvmctl.driver.events", logging.WARNING))
    assert chosen.filter(_record("kvmctl.driver.store", logging.WARNING))
    assert not chosen.filter(_record("kvmctl.driver.store", logging.INFO))


def test_journal(tmp_path: Path) -> None:
    """Fields by the native protocol; a message of several lines with its length."""
    address = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(address)
        handler = logs.JournalHandler(address)
        handler.emit(_record("kvmctl.driver.store", logging.WARNING, "two\nlines"))
        data = journal.recv(65536)
        handler.close()
    assert b"MESSAGE\n" + (9).to_bytes(8, "little") + b"two\nlines\n" in data
    assert b"PRIORITY=4\n" in data
    assert b"LIBVIRT_SOURCE=driver.store\n" in data
    assert b"CODE_LINE=12\n" in data


def _write(session: SessionDaemon, text: str) -> Path:
    path = session.directory / "config/libvirt/virtkvmctld.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_daemon_refuses_a_bad_file(session: SessionDaemon) -> None:
    path = _write(session, "\nno_such = 1\n")
    assert session.start(wait=False).wait(20) == 1
    assert f"virtkvmctld: {path}:2: unknown key 'no_such'" in session.output.read_text()


def test_reload(session: SessionDaemon) -> None:
    """On SIGHUP another log; a bad file then changes nothing."""
    first, second = (session.directory / name for name in ("first.log", "second.log"))
    path = _write(session, f'log_outputs = "1:file:{first}"\n')
    process = session.start()
    assert re.search(r"^\S+ \S+\+0000: \d+: info : driver:\d+ : ready on ", first.read_text(), re.MULTILINE)
    path.write_text(f'log_outputs = "1:file:{second}"\n')
    process.send_signal(signal.SIGHUP)
    _await(second.exists)
    path.write_text("broken\n")
    process.send_signal(signal.SIGHUP)
    _await(lambda: "virtkvmctld.conf:1: expected: key = value" in second.read_text())
    assert session.virsh("uri").stdout
    assert session.stop() == 0
    assert "ending; guests go on" in second.read_text()


def _await(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_client_limit(session: SessionDaemon) -> None:
    """A client beyond the limit waits until another one leaves."""
    _write(session, "max_clients = 1\n")
    session.start()
    with socket.socket(socket.AF_UNIX) as first:
        first.connect(str(session.socket))
        with socket.socket(socket.AF_UNIX) as second:
            second.connect(str(session.socket))
            second.settimeout(0.5)
            second.sendall(_AUTH_LIST)
            with pytest.raises(TimeoutError):
                second.recv(4)
            first.close()
            second.settimeout(20)
            assert second.recv(4)


def test_anonymous_limit(session: SessionDaemon) -> None:
    """Clients that only connect keep others waiting, those that have opened do not."""
    _write(session, "max_anonymous_clients = 2\n")
    session.start()
    opened = [session.virsh("uri") for _ in range(4)]
    assert all(done.returncode == 0 for done in opened)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    try:
        for each in silent:
            each.connect(str(session.socket))
        with socket.socket(socket.AF_UNIX) as third:
            third.connect(str(session.socket))
            third.sendall(_AUTH_LIST)
            third.settimeout(0.5)
            with pytest.raises(TimeoutError):
                third.recv(4)
            silent.pop().close()
            third.settimeout(20)
            assert third.recv(4)
    finally:
        for each in silent:
            each.close()


# REMOTE_PROC_AUTH_LIST, serial 1, without arguments
_AUTH_LIST = b"".join(number.to_bytes(4, "big") for number in (28, 0x20008086, 1, 66, 0, 1, 0))


def test_units_parse() -> None:
    """Every unit has the sections that its kind needs, and names the same sockets as the daemon."""
    directory = Path(__file__).parents[2] / "kvmctl/data/systemd"
    for file, section, key, value in (
        ("virtkvmctld.socket", "Socket", "ListenStream", "/run/libvirt/virtkvmctld-sock"),
        ("virtkvmctld-ro.socket", "Socket", "ListenStream", "/run/libvirt/virtkvmctld-sock-ro"),
        ("virtkvmctld.service", "Service", "KillMode", "process"),
    ):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(directory / file)
        assert unit[section][key] == value
