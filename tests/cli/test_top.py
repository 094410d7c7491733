"""kvmctl top: its picture at several sizes, its figures, its keys, and a guest of ours on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from kvmctl import demo
from kvmctl.cli.guestxml import Guest as GuestXml
from kvmctl.cli.top import process
from kvmctl.cli.top.columns import BY_NAME, fitting, sort
from kvmctl.cli.top.keys import keys
from kvmctl.cli.top.sample import Detail, DeviceRate, Guest, Host, Rate, Sampler, ThreadRate
from kvmctl.cli.top.view import Lines, State, screen

from . import snapshots
from .conftest import Cli

HOST = Host(cpus=8, busy=37.4, steal=6.2, load=3.25, memory_used=11 << 30, memory_total=32 << 30)
MIB, GIB = 1 << 20, 1 << 30


def guest(number: int, name: str, state: str = "running", **figures: Any) -> Guest:
    return Guest(name, f"00000000-0000-0000-0000-{number:012}", number, state, **figures)


def guests() -> list[Guest]:
    io = {"disk_read": 3e6, "disk_write": 12e3, "net_in": 48e3, "net_out": 2.2e6}
    web = {"pid": 4711, "user": "qemu", "cpu": 183.25, "steal": 2.5, "vcpus": 4, "memory": 2 * GIB}
    big = {"pid": 4712, "user": "libvirt-qemu", "cpu": 12.0, "vcpus": 16, "exits": 12345.0}
    slow = {"pid": 4713, "user": "root", "steal": 0.0, "vcpus": 1, "memory": 512 * MIB, "pss": MIB}
    return [
        guest(1, "web", pss=850 * MIB, rss=900 * MIB, uptime=93784.0, **web, **io),
        guest(2, "a-database-with-a-very-long-name-indeed", uptime=86400.0 * 400, memory=64 * GIB, **big),
        guest(3, "paused-one", "paused", uptime=12.0, **slow),
        guest(4, "客人"),
    ]


def picture(state: State, width: int, height: int) -> str:
    lines = screen(state, width, height)
    assert len(lines) == height
    assert all(sum(cell_len(text) for text, _ in line) <= width for line in lines)
    return "\n".join("".join(text for text, _ in line) for line in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (60, 12)])
def test_table(width: int, height: int) -> None:
    snapshots.check(f"top-{width}x{height}", picture(State(HOST, guests()), width, height))


def test_no_guest() -> None:
    snapshots.check("top-empty", picture(State(HOST, [], filter="x"), 80, 12))


def test_detail() -> None:
    one = guests()[0]
    one.exits_by_kind = {"io_exits": 4.0, "halt_exits": 812.0, "nmi_window_exits": 0.0}
    threads = [
        ThreadRate(4720, "CPU 0/KVM", 91.2, 1.5, 3),
        ThreadRate(4721, "CPU 1/KVM", 90.0, 1.0, 5),
        ThreadRate(4711, "qemu-system-x86", 2.05, 0.0, 0),
    ]
    devices = [
        DeviceRate("disk", "vda", "/var/lib/libvirt/images/web.qcow2", 3e6, 12e3, 230.0, 3.0, 4),
        DeviceRate("net", "vnet3", "", 48e3, 2.2e6, 410.0, 1630.0),
    ]
    log = [f"line {number}\tof the log" for number in range(40)]
    state = State(HOST, guests(), detail=Detail(one, threads, devices, log))
    snapshots.check("top-detail", picture(state, 80, 24))


def test_help() -> None:
    snapshots.check("top-help", picture(State(HOST, guests(), help=True), 80, 24))


@given(st.integers(1, 250), st.integers(3, 80), st.integers(0, 300), st.sampled_from(sorted(BY_NAME)))
def test_any_terminal_holds_the_picture(width: int, height: int, count: int, by: str) -> None:
    many = [guest(number, f"guest-{number}", cpu=float(number)) for number in range(count)]
    selected = many[count // 2].uuid if many else None
    state = State(HOST, many, sort=by, selected=selected)
    picture(state, width, height)
    if many and height > 4:
        assert state.selected == selected
        order = [each.uuid for each in state.shown()]
        assert state.first <= order.index(state.selected or "") < state.first + height - 4


def test_without_colours_the_selected_guest_still_stands_out() -> None:
    console = Console(width=80, height=8, force_terminal=True, no_color=True)
    with console.capture() as capture:
        console.print(Lines(screen(State(HOST, guests()), 80, 8)), end="")
    assert "\x1b[7m" in capture.get()


def test_sorting_and_filtering() -> None:
    some = guests()
    assert [each.name for each in sort(some, "cpu", reverse=False)][:2] == ["web", some[1].name]
    assert sort(some, "name", reverse=False)[0] is some[1]
    assert sort(some, "up", reverse=True)[0].name == "客人"
    assert [each.name for each in State(HOST, some, filter="WEB").shown()] == ["web"]


def test_columns_fit_and_exits_show_only_where_they_are_counted() -> None:
    for width in range(20, 300):
        columns = fitting(width, exits=True)
        assert width < 40 or sum(column.width + 1 for column in columns) - 1 <= width
    assert "exits" not in [column.name for column in fitting(200, exits=False)]
    assert "exits" in [column.name for column in fitting(200, exits=True)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        (b"\x1b", ["escape"]),
        (b"ab\r", ["a", "b", "enter"]),
        (b"\x1b[5~x\x1b[99~y", ["page-up", "x", "y"]),
        ("é\x7f".encode(), ["é", "backspace"]),
        (b"\x03", ["ctrl-c"]),
    ],
)
def test_keys(data: bytes, expected: list[str]) -> None:
    assert list(keys(data)) == expected


@given(st.binary(max_size=64))
def test_any_bytes_are_keys_or_nothing(data: bytes) -> None:
    for key in keys(data):
        assert key


def test_rates() -> None:
    rate = Rate()
    assert rate("a", 100, 1.0) == 0
    assert rate("a", 150, 1.5) == 100
    assert rate("a", 150, 1.5) == 100
    assert rate("a", 10, 2.0) == 0
    assert rate("b", 10, 2.0) == 0


def test_what_proc_says_of_this_process() -> None:
    pid = os.getpid()
    first = process.times(pid, process.boot_clock())
    assert first is not None
    assert first.age > 0
    assert (process.pss(pid) or 0) > MIB
    assert pid in [thread.tid for thread in process.threads(pid)]
    assert process.times(1 << 22, 0.0) is None
    assert process.threads(1 << 22) == []
    assert process.vcpu_number("CPU 12/KVM") == 12
    assert process.vcpu_number("worker") is None


def test_exits_that_kvm_counts(tmp_path: Path) -> None:
    assert process.exits(17, tmp_path) == {}
    for name, value in (("17-12/exits", 9), ("17-12/io_exits", 2), ("17-12/blocking", 5), ("170-3/exits", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert process.exits(17, tmp_path) == {"exits": 9, "io_exits": 2}


def test_a_qemu_is_found_by_its_uuid() -> None:
    uuid = "7a3c5b1e-0000-4000-8000-00000000cafe"
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "-uuid", uuid]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        time.sleep(0.2)
        finder = process.Finder("qemu+ssh://nowhere/system")
        assert finder.pid("some", uuid) == child.pid
        assert finder.pid("some", uuid.replace("cafe", "beef")) is None
        child.communicate()


def test_the_pid_file_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    run = tmp_path / "libvirt" / "kvmctl"
    run.mkdir(parents=True)
    (run / "web.pid").write_text("17\n")
    assert process.Finder("kvmctl:///session").pid("web", "some-uuid") == 17


class Domain:
    """As much of a virDomain as top asks."""

    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name

    def name(self) -> str:
        return self._name

    def ID(self) -> int:
        return self._number

    def UUIDString(self) -> str:
        return f"00000000-0000-0000-0000-{self._number:012}"


class Connection:
    """Guests that come and go, with figures that grow by the same amount at each question."""

    def __init__(self) -> None:
        self.domains = [Domain(1, "one"), Domain(2, "two")]
        self.asked = 0

    def getAllDomainStats(self, groups: int, flags: int) -> list[tuple[Domain, dict[str, Any]]]:
        self.asked += 1
        stats = {
            "state.state": 1,
            "cpu.time": self.asked * 10**9,
            "balloon.current": 1024,
            "block.count": 2,
            "block.0.rd.bytes": self.asked * 1000,
            "block.1.rd.bytes": self.asked * 1000,
        }
        return [(domain, stats) for domain in self.domains]

    def domainListGetStats(self, domains: list[Domain], groups: int) -> list[tuple[Domain, dict[str, Any]]]:
        vcpu = {
            "vcpu.current": 2,
            "vcpu.0.io_exits.sum": self.asked * 10,
            "vcpu.1.io_exits.sum": self.asked * 10,
        }
        return [(domain, vcpu) for domain in domains]


def test_sampling_follows_guests() -> None:
    connection = Connection()
    sampler = Sampler(connection, process.Finder("qemu+ssh://nowhere/system"))
    sampler.sample()
    time.sleep(0.05)
    one, two = sampler.sample()
    assert one.cpu > 0
    assert one.disk_read and one.disk_read > 0
    assert one.net_in is None
    assert (one.vcpus, one.memory, one.pid) == (2, MIB, None)
    assert two.exits_by_kind.keys() == {"io_exits"}
    assert (two.exits or 0) > 0
    connection.domains = connection.domains[1:]
    assert [each.name for each in sampler.sample()] == ["two"]
    assert list(sampler.domains) == [two.uuid]
    connection.domains = []
    assert sampler.sample() == []


def test_once_and_json_of_another_driver(test_driver: Cli) -> None:
    lines = test_driver.ok("top", "--once").splitlines()
    assert lines[0].startswith("kvmctl top  1 guest")
    assert lines[3].split()[:2] == ["▶", "test"]
    document = json.loads(test_driver.ok("top", "--json"))
    assert document.keys() == {"host", "guests"}
    [only] = document["guests"]
    assert (only["name"], only["state"], only["pid"]) == ("test", "running", None)


def test_an_unknown_column(test_driver: Cli) -> None:
    done = test_driver("top", "--sort", "nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("error: top has no column 'nonsense'\nIts columns are state, name, ")


@pytest.fixture
def busy(session: Cli) -> Iterator[Cli]:
    for name in ("alpha", "beta"):
        assert session("create", "-", stdin=GuestXml(demo.monitor()).xml(name)).returncode == 0
    assert session("define", "-", stdin=GuestXml(demo.monitor()).xml("gamma")).returncode == 0
    yield session


@pytest.mark.kvm
def test_a_guest_is_its_process(busy: Cli) -> None:
    runtime = Path(busy.environment["XDG_RUNTIME_DIR"]) / "libvirt" / "kvmctl"
    document = json.loads(busy.ok("top", "--json", "--filter", "alpha"))
    [alpha] = document["guests"]
    assert alpha["pid"] == int((runtime / "alpha.pid").read_text())
    assert alpha["memory"] == 64 * MIB
    assert 0 < alpha["pss"] <= alpha["rss"] + 64 * MIB
    assert alpha["vcpus"] == 1
    assert alpha["uptime"] > 0
    assert {"exits", "io_exits", "mmio_exits", "halt_exits"} <= alpha["exits_by_kind"].keys()


@pytest.mark.kvm
def test_on_a_terminal(busy: Cli) -> None:
    terminal = pexpect.spawn(
        busy.command("top")[0],
        busy.command("top", "--interval", "0.5", "--sort", "name")[1:],
        env=busy.environment | {"TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=30,
        dimensions=(24, 80),
    )
    terminal.expect_exact("2 guests")
    terminal.expect_exact("beta")
    terminal.send("\r")
    terminal.expect_exact("CPU 0/KVM")
    terminal.expect_exact("starting up")
    terminal.send("z")
    terminal.expect_exact("Suspended alpha, or let it go on.")
    terminal.expect_exact("paused")
    terminal.send("z\x1b")
    terminal.expect_exact("select")
    terminal.send("/bet\r")
    terminal.expect_exact("like 'bet'")
    terminal.setwinsize(40, 132)
    terminal.expect_exact("WRITE/s")
    terminal.send("c")
    terminal.expect_exact("Connected to the console of beta.")
    terminal.send("\r")
    terminal.expect_exact("\r\n> ")
    terminal.send("echo hello\r")
    terminal.expect_exact("\r\nhello")
    terminal.send("\x1d")
    terminal.expect_exact("Left the console of beta")
    terminal.expect_exact("every 0.5s")
    terminal.send("u")
    terminal.expect_exact("start gamma? (1 of 1;")
    terminal.send("\r")
    terminal.expect_exact("Started gamma.")
    terminal.send("d")
    terminal.expect_exact("End beta at once")
    terminal.send("y")
    terminal.expect_exact("Ended beta.")
    terminal.send("q")
    terminal.expect_exact("\x1b[?1049l")
    terminal.expect(pexpect.EOF)
    assert terminal.wait() == 0
    assert set(busy.ok("list", "--names").split()) == {"alpha", "gamma"}
