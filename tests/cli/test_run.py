"""run, logs, events, edit and shutdown with guests of ours, as a person has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from kvmctl import demo

from .conftest import Cli

pytestmark = pytest.mark.kvm

MONITOR = str(demo.monitor())


def names(cli: Cli) -> list[str]:
    return cli.ok("list", "--all", "--names").split()


def test_from_nothing_to_a_console_and_back(session: Cli) -> None:
    terminal = session.terminal("run", MONITOR, "--name", "it", "--memory", "64M")
    terminal.expect_exact("Connected to the console of it. Ctrl-] leaves it; the guest goes on.")
    terminal.expect_exact("64 MiB, 1 vCPU.")
    terminal.expect_exact("\r\n> ")
    terminal.send("\x1d")
    terminal.expect_exact("Left the console of it; it still runs.")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 0
    assert names(session) == ["it"]

    logged = session.ok("logs", "it")
    assert "starting up: " in logged
    assert session.ok("logs", "it", "--lines", "1") == logged.splitlines(keepends=True)[-1]
    assert Path(session.ok("logs", "it", "--path").strip()).exists()

    done = session("shutdown", "it", "--wait", "0.5")
    assert done.returncode == 7
    assert done.stderr == (
        "error: it still runs after 0.5 s\n`kvmctl destroy it` ends a guest that does not listen.\n"
    )
    done = session("edit", "it")
    assert (done.returncode, done.stderr.splitlines()[0]) == (5, "error: it has no definition; it only runs")
    session.ok("destroy", "it")
    assert names(session) == []


def test_in_a_script_the_guest_ends_with_the_command(session: Cli) -> None:
    done = session("run", MONITOR, "--name", "it", "--memory", "64M", stdin="poweroff\r")
    assert done.returncode == 0
    assert "Powering off." in done.stdout
    assert names(session) == []

    with subprocess.Popen(
        session.command("run", MONITOR, "--name", "it", "--memory", "64M"),
        env=session.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline()
        assert names(session) == ["it"]
        os.kill(command.pid, signal.SIGTERM)
        command.wait(20)
    deadline = time.monotonic() + 20
    while names(session):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_detached_guests_get_names_and_events_tell_of_them(session: Cli) -> None:
    session.ok("list")
    with subprocess.Popen(
        session.command("events", "--json", "--count", "3", "--timeout", "60"),
        env=session.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        time.sleep(1.5)
        for number in (1, 2):
            done = session("run", MONITOR, "--detach", "--memory", "64M")
            name = "monitor" if number == 1 else "monitor-2"
            assert done.stderr == f"Started {name}. `kvmctl console {name}` shows it.\n"
        session.ok("destroy", "monitor")
        output, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    told = [json.loads(line) for line in output.splitlines()]
    assert all(event.keys() == {"time", "domain", "uuid", "event", "detail"} for event in told)
    started = [event["domain"] for event in told if event["event"] == "started"]
    assert started[0] == "monitor"


def test_editing_a_definition(session: Cli) -> None:
    text = session.ok("run", MONITOR, "--name", "it", "--memory", "64M", "--print-xml")
    assert session("define", "-", stdin=text).returncode == 0
    grown = Cli(session.environment | {"EDITOR": "sed -i s/65536/131072/"}, session.uri)
    assert grown("edit", "it").stderr == "Changed it.\n"
    assert json.loads(session.ok("info", "it", "--json"))["max_memory_kib"] == 131072
    wrong = Cli(session.environment | {"EDITOR": "sed -i s/hvm/xen/"}, session.uri)("edit", "it")
    assert wrong.returncode == 1
    assert "hvm" in wrong.stderr
    assert session("rename", "it", "that").stderr == "Renamed it to that.\n"
    assert session("undefine", "that").returncode == 0


def test_ctrl_c_ends_the_watching(session: Cli) -> None:
    session.ok("list")
    terminal = session.terminal("events")
    terminal.expect_exact("Watching all domains. Ctrl-C ends.")
    terminal.send("\x03")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.before


def test_a_daemon_that_dies_is_told(session: Cli) -> None:
    session.ok("list")
    terminal = session.terminal("events")
    terminal.expect_exact("Watching all domains.")
    pid = int((Path(session.environment["XDG_RUNTIME_DIR"]) / "libvirt" / "virtkvmctld.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    terminal.expect_exact("error: the daemon has gone")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 3
