"""The demo guest, driven through every command on the stand-alone VMM."""

from __future__ import annotations

import datetime
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from kvmctl import demo
from kvmctl.cli.guestxml import Guest

from .conftest import processor_ticks

pytestmark = pytest.mark.kvm

VMM = Path(sys.executable).with_name("kvmctl-vmm")
PROMPT = "\r\n> "


class Monitor:
    """The guest's console as a person at it."""

    def __init__(self, xml: str, directory: Path) -> None:
        file = directory / "guest.xml"
        file.write_text(xml)
        self.child: pexpect.spawn[str] = pexpect.spawn(
            str(VMM), [str(file), "--serial", "stdio"], encoding="utf-8", timeout=20, echo=False
        )

    def banner(self) -> str:
        self.child.expect_exact(PROMPT)
        return self.child.before or ""

    def command(self, text: str) -> str:
        """What a command prints, without its echo."""
        self.child.send(f"{text}\r")
        self.child.expect_exact(PROMPT)
        return (self.child.before or "").partition("\r\n")[2]

    def end(self) -> tuple[str, int]:
        """The last output and the VMM's exit status."""
        self.child.expect(pexpect.EOF)
        return self.child.before or "", self.child.wait()


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    guest = Monitor(Guest(demo.monitor()).xml("monitor"), tmp_path)
    assert "kvmctl demo guest: a monitor on bare (virtual) metal, 64 MiB, 1 vCPU." in guest.banner()
    yield guest
    guest.child.close(force=True)


def test_help_lists_every_command(monitor: Monitor) -> None:
    names = re.findall(r"^  (\w+) ", monitor.command("help"), re.MULTILINE)
    assert names == ["help", "cpu", "mem", "time", "echo", "reboot", "poweroff", "crash"]


def test_cpu(monitor: Monitor) -> None:
    text = monitor.command("cpu")
    assert re.search(r"^vendor +\w{12}\r$", text, re.MULTILINE)
    assert re.search(r"^vcpus +1 ", text, re.MULTILINE)
    assert re.search(r"^hypervisor +KVMKVMKVM\r$", text, re.MULTILINE)
    assert re.search(r"^tsc +\d+\.\d{3} MHz\r$", text, re.MULTILINE)
    assert {"fpu", "tsc", "sse2", "lm", "hypervisor"} <= set(text.split())
    assert max(len(line) for line in text.splitlines()) < 80


def test_mem(monitor: Monitor) -> None:
    text = monitor.command("mem")
    assert re.search(r"^memory +64 MiB\r$", text, re.MULTILINE)
    assert re.search(
        r"^test +0x400000-0x[0-9a-f]+ good; write \d+ MB/s, read \d+ MB/s\r?$", text, re.MULTILINE
    )


def test_time_is_the_hosts(monitor: Monitor) -> None:
    text = monitor.command("time")
    found = re.search(r"^clock +(\S+ \S+) \(CMOS\)", text, re.MULTILINE)
    assert found
    clock = datetime.datetime.fromisoformat(found[1]).replace(tzinfo=datetime.UTC)
    assert abs((datetime.datetime.now(datetime.UTC) - clock).total_seconds()) <= 3
    assert re.search(r"^uptime +0:00:\d\d\.\d{3}", text, re.MULTILINE)


def test_uptime_keeps_the_hosts_pace(monitor: Monitor) -> None:
    def uptime() -> float:
        found = re.search(r"uptime +0:00:(\S+)", monitor.command("time"))
        assert found
        return float(found[1])

    first, begin = uptime(), time.monotonic()
    time.sleep(2)
    second, end = uptime(), time.monotonic()
    assert second - first == pytest.approx(end - begin, rel=0.1)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("echo two  words", "two  words"),
        ("  echo indented", "indented"),
        ("echo", ""),
        ("frobnicate now", 'frobnicate: no such command. "help" lists the commands.'),
        ("mem 5", "mem takes no arguments."),
        ("ecgo\x7f\x7fho corrected", "corrected"),
        ("gone entirely\x15echo after Ctrl-U", "after Ctrl-U"),
        ("echo lost words\x17\x17\x17echo after Ctrl-W", "after Ctrl-W"),
        ("\x1b[Cecho unknown keys are ignored\x1b[15~", "unknown keys are ignored"),
    ],
)
def test_line_editing(monitor: Monitor, typed: str, answer: str) -> None:
    assert monitor.command(typed).rstrip("\r\n") == answer


def test_history(monitor: Monitor) -> None:
    monitor.command("echo first")
    monitor.command("echo second")
    assert monitor.command("\x1b[A").rstrip() == "second"
    assert monitor.command("\x1b[A\x1b[A").rstrip() == "first"
    assert monitor.command("\x1b[A\x1b[A\x1b[Becho third").rstrip() == "firstecho third"


def test_ctrl_c_abandons_the_line_and_stops_a_command(monitor: Monitor) -> None:
    monitor.child.send("echo never\x03")
    monitor.child.expect_exact("^C" + PROMPT)
    monitor.child.send("mem\r")
    monitor.child.expect_exact("KiB")
    monitor.child.send("\x03")
    assert monitor.child.expect_exact(["test        stopped", "good; write"]) in (0, 1)
    monitor.child.expect_exact(PROMPT)
    assert monitor.command("echo alive").rstrip() == "alive"


def test_a_line_longer_than_the_screen_is_cut(monitor: Monitor) -> None:
    assert monitor.command("echo " + "x" * 200).rstrip() == "x" * 70


def test_an_idle_guest_sleeps(monitor: Monitor) -> None:
    before = processor_ticks(monitor.child.pid)
    time.sleep(2)
    assert processor_ticks(monitor.child.pid) - before <= 10


def test_reboot_starts_over(monitor: Monitor) -> None:
    monitor.child.send("reboot\r")
    monitor.child.expect_exact("Rebooting.")
    assert "kvmctl demo guest" in monitor.banner()
    assert monitor.command("\x1b[A").rstrip() == ""


def test_poweroff(monitor: Monitor) -> None:
    monitor.child.send("poweroff\r")
    output, status = monitor.end()
    assert "Powering off." in output
    assert status == 0


def test_crash_is_a_triple_fault(monitor: Monitor) -> None:
    monitor.child.send("crash\r")
    assert "triple fault" in monitor.end()[0]


def test_the_command_line_is_shown(tmp_path: Path) -> None:
    guest = Monitor(Guest(demo.monitor(), cmdline="hello=1 world").xml("monitor"), tmp_path)
    assert "Command line: hello=1 world\r\n" in guest.banner()
    guest.child.close(force=True)
