"""Files that somebody has removed, cut short or made unreadable, and clocks that somebody has set."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import libvirt
import pytest

from kvmctl.driver.jobs import JobLock
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.driver.rpc.keepalive import KeepaliveSettings, watch
from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml
from tests.faults.table import fault

_PART = "Files and clocks"
_RUNNING = libvirt.VIR_DOMAIN_RUNNING


def restart(daemon: SessionDaemon) -> None:
    daemon.stop()
    daemon.start()


def test_log_removed(daemon: SessionDaemon) -> None:
    with fault(
        _PART, "log of a running guest removed", "guest goes on, its end is noted in a new one"
    ) as row:
        connection = libvirt.open(daemon.uri)
        domain = connection.createXML(fake_xml("guest"))
        log = daemon.logs / "guest.log"
        log.unlink()
        domain.destroy()
        assert "shutting down, reason=destroyed" in log.read_text()
        row.see("noted in a new one")
    with fault(_PART, "log directory removed", "start: VIR_ERR_SYSTEM_ERROR that names the log") as row:
        shutil.rmtree(daemon.logs)
        with pytest.raises(libvirt.libvirtError, match=r"guest\.log.*No such file") as caught:
            connection.createXML(fake_xml("guest"))
        assert caught.value.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR
        daemon.logs.mkdir()
        connection.createXML(fake_xml("guest")).destroy()
        row.see("refused with its name, works when it is there again")


@pytest.mark.kvm
def test_run_files_removed(daemon: SessionDaemon) -> None:
    expected = "the daemon goes on with the guest; its next change writes the status again"
    with fault(_PART, "run files of a running guest removed", expected) as row:
        connection = libvirt.open(daemon.uri)
        domain = connection.defineXML(fake_xml("guest"))
        domain.create()
        for path in daemon.run.glob("guest.*"):
            if path.suffix != ".qmp":
                path.unlink()
        domain.suspend()
        domain.resume()
        assert (daemon.run / "guest.xml").exists()
        restart(daemon)
        assert daemon.virsh("domstate", "guest").stdout.strip() == "running"
        daemon.virsh("destroy", "guest")
        row.see("suspended, resumed, taken over by the next daemon")
    expected = "named in the log; the guest goes on, and is not started a second time while it does"
    with fault(_PART, "status file of a running guest cut short, then a new daemon", expected) as row:
        daemon.virsh("start", "guest")
        pid = daemon.vmm_pid("guest")
        status = daemon.run / "guest.xml"
        whole = status.read_text()
        daemon.stop()
        status.write_text(whole[: len(whole) // 2])
        daemon.start()
        assert f"ignoring domain status {status}" in daemon.output.read_text()
        assert f"process {pid} still runs domain 'guest'" in daemon.error("start", "guest")
        daemon.stop()
        status.write_text(whole)
        daemon.start()
        assert daemon.vmm_pid("guest") == pid
        daemon.virsh("destroy", "guest")
        daemon.virsh("start", "guest")
        daemon.virsh("destroy", "guest")
        row.see("named in the log, start refused with the process's number, taken over once mended")


_GARBAGE: dict[str, bytes] = {
    "truncated": b"<domain type='kvm'><name>trunc",
    "empty": b"",
    "binary": bytes(range(256)) * 16,
    "other": b"<network><name>other</name></network>",
    "entities": b"<!DOCTYPE d [<!ENTITY a 'b'>]><domain type='kvm'><name>&a;</name></domain>",
    "renamed": fake_xml("elsewhere").encode(),
}


def test_broken_files_at_start(session: SessionDaemon) -> None:
    expected = "each is named in the log and left as it is, the others are there"
    with fault(_PART, "definitions and status files of garbage, at the daemon's start", expected) as row:
        session.start()
        session.virsh("define", session.write("good.xml", fake_xml("good")))
        session.stop()
        for directory in (session.definitions, session.run):
            for name, content in _GARBAGE.items():
                (directory / f"{name}.xml").write_bytes(content)
            (directory / "directory.xml").mkdir()
        session.start()
        assert session.virsh("list", "--all", "--name").stdout.split() == ["good"]
        log = session.output.read_text()
        for name in (*_GARBAGE, "directory"):
            assert f"ignoring domain definition {session.definitions / name}.xml" in log
            assert f"ignoring domain status {session.run / name}.xml" in log
        assert (session.definitions / "binary.xml").read_bytes() == _GARBAGE["binary"]
        row.see(f"{len(_GARBAGE) + 1} of each are named, the good one is there")


def test_unreadable_definitions(session: SessionDaemon) -> None:
    """Without root's right to read everything."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed (util-linux)")
    expected = "the directory is named in the log, the daemon serves; they are there after a reload"
    with fault(_PART, "definitions directory unreadable at the daemon's start", expected) as row:
        session.start()
        session.virsh("define", session.write("good.xml", fake_xml("good")))
        session.stop()
        session.definitions.chmod(0o300)
        rights = "-dac_override,-dac_read_search"
        session.prefix = ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}")
        session.start()
        assert f"cannot read the directory '{session.definitions}'" in session.output.read_text()
        assert not session.virsh("list", "--all", "--name").stdout.split()
        session.definitions.chmod(0o700)
        restart(session)
        assert session.virsh("list", "--all", "--name").stdout.split() == ["good"]
        row.see("named in the log; there when it can be read again")


@pytest.mark.parametrize("jump", [-10 * 365 * 86400, 10 * 365 * 86400])
def test_clock(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """What waits goes by CLOCK_MONOTONIC: setting the clock ends nothing early and keeps nothing waiting."""
    real: Callable[[], float] = time.time
    expected = "time-outs of jobs and keepalive are as long as before"
    with fault(_PART, f"clock set by {jump // 86400 // 365} years", expected) as row:
        monkeypatch.setattr(time, "time", lambda: real() + jump)

        async def run() -> tuple[int, int]:
            lock = JobLock(wait_seconds=0.2)
            codes = []
            async with lock.job():
                try:
                    async with lock.job():
                        pass
                except VirError as error:
                    codes.append(error.code)
            assert codes == [ErrorCode.OPERATION_TIMEOUT]
            pings: list[int] = []
            loop = asyncio.get_running_loop()
            start = loop.time()
            await watch(KeepaliveSettings(interval=0.05, count=3), lambda: start, lambda: pings.append(1))
            return len(codes), len(pings)

        assert asyncio.run(run()) == (1, 3)
        row.see("a job's time-out and three pings come as without it")


def test_nothing_waits_by_the_wall_clock() -> None:
    """Of the driver, only what tells people or other programs a date looks at it."""
    package = Path(__file__).resolve().parents[2] / "kvmctl"
    using = {
        str(path.relative_to(package))
        for room in ("driver", "backends")
        for path in (package / room).rglob("*.py")
        if "time.time()" in path.read_text()
    }
    assert using <= {"driver/network/leases.py"}
