"""A guest whose VMM does not answer: its own calls wait, nobody else's."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time

import pytest

from kvmctl.driver.jobs import JobLock
from kvmctl.driver.rpc import ErrorCode, VirError
from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml


@pytest.mark.kvm
def test_hung_vmm_hangs_only_its_own_calls(daemon: SessionDaemon) -> None:
    for name in ("hung", "well"):
        daemon.virsh("create", daemon.write(f"{name}.xml", fake_xml(name)))
    pid = daemon.vmm_pid("hung")
    os.kill(pid, signal.SIGSTOP)
    waiting = [
        subprocess.Popen(["virsh", "-c", daemon.uri, command, "hung"], stderr=subprocess.PIPE, text=True)
        for command in ("suspend", "reset")
    ]
    try:
        time.sleep(0.5)
        assert all(client.poll() is None for client in waiting)
        begun = time.monotonic()
        daemon.virsh("suspend", "well")
        assert daemon.virsh("domstate", "well").stdout.strip() == "paused"
        daemon.virsh("resume", "well")
        assert daemon.virsh("list", "--name").stdout.split() == ["hung", "well"]
        assert daemon.virsh("domstate", "hung").stdout.strip() == "running"
        assert "state.state" in daemon.virsh("domstats", "--nowait", "--state", "--balloon").stdout
        daemon.virsh("destroy", "well")
        # The calls of the hung one give up after 30 s; the others needed none of that.
        assert time.monotonic() - begun < 20
        assert all(client.poll() is None for client in waiting)
        daemon.virsh("destroy", "hung")
        errors = [client.communicate(timeout=20)[1] for client in waiting]
    finally:
        for client in waiting:
            client.kill()
    assert all("domain 'hung' ended meanwhile" in error or "not running" in error for error in errors), errors
    assert daemon.virsh("list", "--all", "--name").stdout.split() == []


def test_waiting_for_a_job_ends() -> None:
    """As libvirt: a timeout that names who has it; what has to happen waits on."""

    async def run() -> str:
        lock = JobLock(wait_seconds=0.05)

        async def hold() -> None:
            async with lock.job():
                await asyncio.sleep(0.3)

        holder = asyncio.create_task(hold(), name="DOMAIN_SUSPEND")
        await asyncio.sleep(0.02)
        assert lock.held
        with pytest.raises(VirError) as error:
            async with lock.job():
                pytest.fail("two jobs at once")
        assert error.value.code is ErrorCode.OPERATION_TIMEOUT
        async with lock.uninterrupted():
            assert holder.done()
        async with lock.job():
            assert lock.held
        assert not lock.held
        return str(error.value)

    expected = "cannot acquire state change lock (held by monitor=remoteDispatchDomainSuspend)"
    assert expected in asyncio.run(run())
