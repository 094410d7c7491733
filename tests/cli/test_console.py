"""The daemon's start, a guest's life and its console, as a person on a terminal has them."""

from __future__ import annotations

import json
import os
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from kvmctl import demo
from kvmctl.cli.demo import TITLE
from kvmctl.cli.guestxml import Guest

from .conftest import URI, Cli, processor_ticks

pytestmark = pytest.mark.kvm

PROMPT = "\r\n> "


@pytest.fixture
def defined(session: Cli) -> Iterator[Cli]:
    """A session in which `guest` is defined from the demo guest."""
    done = session("define", "-", stdin=Guest(demo.monitor()).xml("guest"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == "Defined guest. `kvmctl start guest --console` starts it.\n"
    yield session


def started(cli: Cli) -> pexpect.spawn[str]:
    terminal = cli.terminal("start", "guest", "--console")
    terminal.expect_exact("Connected to the console of guest. Ctrl-] leaves it; the guest goes on.")
    terminal.expect_exact("kvmctl demo guest")
    terminal.expect_exact(PROMPT)
    return terminal


def state(cli: Cli, name: str = "guest") -> str:
    return str(json.loads(cli.ok("info", name, "--json"))["state"])


def test_the_daemon_is_started_once_and_ends_with_its_timeout_option(session: Cli) -> None:
    done = session("list", "--all")
    assert done.returncode == 0
    assert done.stderr.startswith("No domains.")
    runtime = Path(session.environment["XDG_RUNTIME_DIR"]) / "libvirt"
    pid = (runtime / "virtkvmctld.pid").read_text()
    arguments = Path(f"/proc/{int(pid)}/cmdline").read_bytes().split(b"\0")
    assert {b"--timeout", b"--session"} <= set(arguments)
    assert os.getsid(int(pid)) == int(pid)
    session.ok("list")
    assert (runtime / "virtkvmctld.pid").read_text() == pid


def test_leaving_and_coming_back(defined: Cli) -> None:
    terminal = started(defined)
    terminal.send("echo still here\r")
    terminal.expect_exact("\r\nstill here\r\n")
    terminal.send("\x1d")
    terminal.expect_exact("Left the console of guest; it still runs.")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 0
    assert state(defined) == "running"

    terminal = defined.terminal("console", "guest")
    terminal.expect_exact("Connected to the console of guest.")
    terminal.send("\r")
    terminal.expect_exact(PROMPT)
    terminal.send("poweroff\r")
    terminal.expect_exact("Powering off.")
    terminal.expect_exact("The console of guest has ended.")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 0
    assert state(defined) == "shut off"


def test_the_terminal_is_raw_only_while_attached(defined: Cli) -> None:
    terminal = started(defined)
    assert not termios.tcgetattr(terminal.fileno())[3] & termios.ICANON
    terminal.kill(15)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.signalstatus == 15
    assert state(defined) == "running"


def test_an_attached_console_costs_no_processor_time(defined: Cli) -> None:
    terminal = started(defined)
    ticks = processor_ticks(terminal.pid)
    time.sleep(2)
    assert processor_ticks(terminal.pid) - ticks <= 5
    terminal.send("\x1d")
    terminal.expect(pexpect.EOF)


def test_the_daemons_death_is_told_and_the_guest_lives(defined: Cli) -> None:
    terminal = started(defined)
    runtime = Path(defined.environment["XDG_RUNTIME_DIR"]) / "libvirt"
    os.kill(int((runtime / "virtkvmctld.pid").read_text()), signal.SIGKILL)
    terminal.expect_exact("error: the console of guest was lost: ")
    terminal.expect_exact("`kvmctl console guest` tries again.")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 1

    terminal = defined.terminal("console", "guest")
    terminal.expect_exact("Press Enter if nothing shows.")
    terminal.send("\r")
    terminal.expect_exact(PROMPT)
    terminal.send("poweroff\r")
    terminal.expect_exact("The console of guest has ended.")
    terminal.expect(pexpect.EOF)


def test_force_takes_the_console_over(defined: Cli) -> None:
    first = started(defined)
    done = defined("console", "guest")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")

    second = defined.terminal("console", "guest", "--force")
    second.expect_exact("Connected to the console of guest.")
    first.expect(pexpect.EOF)
    second.send("\r")
    second.expect_exact(PROMPT)
    second.send("\x1d")
    second.expect(pexpect.EOF)


def test_input_that_is_no_terminal(defined: Cli) -> None:
    defined.ok("start", "guest")
    time.sleep(1)
    done = defined("console", "guest", stdin="echo from a pipe\rpoweroff\r")
    assert done.returncode == 0
    assert "\nfrom a pipe\n" in done.stdout
    assert done.stderr == "\nThe console of guest has ended.\n"


def test_much_output_arrives_whole(defined: Cli) -> None:
    terminal = started(defined)
    terminal.send("\r".join(f"echo line {number}" for number in range(100)) + "\r")
    for number in range(100):
        terminal.expect_exact(f"\r\nline {number}\r\n")
    terminal.send("\x1d")
    terminal.expect(pexpect.EOF)


def test_life_of_a_domain(defined: Cli) -> None:
    listed = defined.ok("list", "--all")
    assert listed == "Id   Name    State      vCPUs   Memory\n-    guest   shut off       1   64 MiB\n"
    assert defined("list").stderr == "No running domains. `kvmctl list --all` also shows the others.\n"

    done = defined("start", "guest", "--paused")
    assert (done.returncode, done.stderr) == (0, "Started guest, paused.\n")
    assert state(defined) == "paused"
    assert defined("resume", "guest").stderr == "Resumed guest.\n"
    assert state(defined) == "running"
    assert defined("suspend", "guest").returncode == 0
    assert state(defined) == "paused"
    assert "id=" in defined.ok("dumpxml", "guest").splitlines()[0]
    assert "id=" not in defined.ok("dumpxml", "guest", "--inactive").splitlines()[0]

    assert defined("start", "guest").stderr.startswith("error: guest is already running\n")
    assert defined("destroy", "guest").stderr == "Ended guest.\n"
    again = defined("destroy", "guest")
    assert again.returncode == 5
    assert again.stderr.endswith("It is shut off already; `kvmctl undefine guest` removes it.\n")
    assert defined("console", "guest").stderr == (
        "error: guest is not running\n`kvmctl start guest --console` starts and shows it.\n"
    )
    assert defined("undefine", "guest").stderr == "Undefined guest.\n"
    assert defined("info", "guest").returncode == 4


def test_undefine_of_a_running_domain_leaves_it_running(defined: Cli) -> None:
    defined.ok("start", "guest")
    assert defined("undefine", "guest").stderr == "Undefined guest. It still runs, until it ends.\n"
    assert state(defined) == "running"
    defined.ok("destroy", "guest")
    assert defined("info", "guest").returncode == 4


def test_a_transient_domain_leaves_nothing(session: Cli) -> None:
    done = session("create", "-", stdin=Guest(demo.monitor()).xml("brief"))
    assert (done.returncode, done.stderr) == (0, "Started brief.\n")
    session.ok("destroy", "brief")
    assert session.ok("list", "--all") == ""


def test_demo_in_a_script_and_again(session: Cli) -> None:
    for _ in range(2):
        done = session("demo")
        assert done.returncode == 0, done.stderr
        for text in ("kvmctl demo guest", "> help", "vendor ", "memory      64 MiB", "Powering off."):
            assert text in done.stdout
        assert state(session, "demo") == "shut off"


def test_demo_attaches_to_the_one_that_runs(session: Cli) -> None:
    for arguments in (("demo",), ("demo",)):
        terminal = session.terminal(*arguments)
        terminal.expect_exact("Connected to the console of demo.")
        terminal.send("\r")
        terminal.expect_exact(PROMPT)
        terminal.send("\x1d")
        terminal.expect(pexpect.EOF)
        assert terminal.wait() == 0
    done = session("demo")
    assert done.returncode == 0, done.stderr
    assert "Powering off." in done.stdout


def test_demo_leaves_anothers_domain_alone(session: Cli) -> None:
    xml = Guest(demo.monitor()).xml("demo")
    assert TITLE not in xml
    assert session("define", "-", stdin=xml).returncode == 0
    done = session("demo")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the domain demo exists and is not a demo\n")
    assert session("demo", "--name", "other").returncode == 0


def test_demo_until_a_text(session: Cli) -> None:
    done = session("demo", "--kernel", str(demo.monitor()), "--until", "lists the commands")
    assert done.returncode == 0, done.stderr
    assert '"help" lists the commands' in done.stdout
    assert state(session, "demo") == "shut off"


def test_completion_of_names_by_state(defined: Cli) -> None:
    from .test_plain import complete

    assert complete(defined, "-c", URI, "start", "g") == ["guest"]
    assert complete(defined, "-c", URI, "destroy", "g") == []
