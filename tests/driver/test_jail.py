"""Real guests in their jail: what the kernel says of their processes, and that all goes on in there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kvmctl.cli.security import Security, security_of
from kvmctl.host import affinity
from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.waiting import wait_until

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's daemon has the whole jail"),
]

NAMESPACES = ["mount", "pid", "net", "ipc", "uts"]
VCPUS = 2


def start(daemon: SessionDaemon, name: str = "caged", **options: str) -> tuple[int, Security]:
    text = monitor_xml(name, vcpus=VCPUS, **options)
    daemon.virsh("create", daemon.write(f"{name}.xml", text))
    pid = daemon.vmm_pid(name)
    found = security_of(pid)
    assert found is not None
    return pid, found


def filters(pid: int) -> dict[str, int]:
    """How many each thread has, by its name."""
    result = {}
    for thread, name in affinity.threads(pid).items():
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
        found = re.search(r"^Seccomp_filters:\s*(\d+)", status, re.MULTILINE)
        assert found is not None
        result[name] = int(found[1])
    return result


def test_what_the_kernel_says(daemon: SessionDaemon) -> None:
    pid, found = start(daemon)
    assert found.uid not in (0, os.getuid())
    assert found.groups == []
    assert found.capabilities == 0
    assert found.no_new_privs
    assert found.seccomp_filters == 1
    assert found.namespaces == NAMESPACES
    assert found.root == []
    assert found.max_core == 0
    wait_until(lambda: f"CPU {VCPUS - 1}/KVM" in filters(pid))
    assert [filters(pid)[f"CPU {number}/KVM"] for number in range(VCPUS)] == [2] * VCPUS


def test_everything_goes_on_in_there(daemon: SessionDaemon) -> None:
    """Threads that virsh names by their host's numbers, resets from outside, a pause, a screen of the log."""
    pid, _ = start(daemon)
    assert daemon.virsh("vcpuinfo", "caged").stdout.count("State:") == VCPUS
    daemon.virsh("vcpupin", "caged", "1", "0")
    threads = {name: thread for thread, name in affinity.threads(pid).items()}
    assert affinity.cpus_of(threads["CPU 1/KVM"]) == {0}
    for command in ("reset", "suspend", "reset", "resume"):
        daemon.virsh(command, "caged")
    assert daemon.virsh("domstate", "caged").stdout.strip() == "running"
    assert daemon.vmm_pid("caged") == pid
    daemon.virsh("destroy", "caged")
    assert "not allowed in the jail" not in (daemon.logs / "caged.log").read_text()


def test_a_daemon_that_comes_back_knows_the_threads(daemon: SessionDaemon) -> None:
    start(daemon)
    daemon.stop()
    daemon.start()
    assert daemon.virsh("vcpuinfo", "caged").stdout.count("State:") == VCPUS


def test_every_part_has_its_switch(session: SessionDaemon) -> None:
    config = session.write(
        "conf",
        'user = "root"\ngroup = "root"\nnamespaces = []\n'
        "seccomp_sandbox = 0\nclear_emulator_capabilities = 0\n",
    )
    session.start("-f", config)
    _, found = start(session)
    assert (found.uid, found.seccomp_filters, found.namespaces) == (0, 0, [])
    assert found.capabilities != 0 and not found.no_new_privs and found.root != []


def test_chosen_user_and_limits(session: SessionDaemon) -> None:
    config = session.write(
        "conf", 'user = "+4321"\ngroup = "+1234"\nnamespaces = [ "net" ]\nmax_files = 500\nmax_core = 4096\n'
    )
    session.start("-f", config)
    pid, found = start(session)
    assert (found.uid, found.namespaces, found.max_files, found.max_core) == (4321, ["net"], 500, 4096)
    assert re.search(r"^Gid:\s+1234\s+1234\s+1234", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)


def test_a_host_that_refuses_what_is_insisted_on(session: SessionDaemon) -> None:
    """The daemon without the right to make namespaces: the default does without, a chosen one does not."""
    session.prefix = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    session.start()
    _, found = start(session)
    assert found.namespaces == [] and found.uid != 0 and found.seccomp_filters
    assert "no namespaces for this guest" in (session.logs / "caged.log").read_text()
    session.stop()
    session.start("-f", session.write("conf", 'namespaces = [ "mount" ]\n'))
    xml = session.write("other.xml", monitor_xml("other"))
    assert "cannot have namespaces of its own: Operation not permitted" in session.error("create", xml)
