"""What a guest may use of the host, from the XML to the kernel's own word: affinities, schedulers, control
groups."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kvmctl.host import affinity, cgroup, hugepages
from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.waiting import wait_until

pytestmark = pytest.mark.kvm

ALL_CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = ALL_CPUS[0], ALL_CPUS[-1]


def _needs(controller: str) -> cgroup.Hierarchy:
    hierarchy = cgroup.hierarchies().get(controller)
    if hierarchy is None or not os.access(hierarchy.root, os.W_OK):
        pytest.skip(f"the cgroup controller '{controller}' cannot be written here")
    return hierarchy


def _start(daemon: SessionDaemon, name: str, extra: str, vcpus: int = 2) -> int:
    text = monitor_xml(name, extra=extra, vcpus=vcpus)
    daemon.virsh("create", daemon.write(f"{name}.xml", text))
    return daemon.vmm_pid(name)


def _allowed(pid: int) -> dict[str, str]:
    """The processors of every thread by its name, as /proc tells them."""
    found = {}
    for thread, name in affinity.threads(pid).items():
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
        match = re.search(r"^Cpus_allowed_list:\s*(\S+)", status, re.MULTILINE)
        assert match is not None
        found[name] = match[1]
    return found


def _groups(pid: int) -> dict[str, str]:
    """The path of a process in each hierarchy."""
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def test_pins(daemon: SessionDaemon) -> None:
    pid = _start(
        daemon,
        "pinned",
        f"<cputune><vcpupin vcpu='1' cpuset='{LAST}'/><emulatorpin cpuset='{FIRST}'/></cputune>",
    )
    allowed = _allowed(pid)
    assert allowed.pop("CPU 0/KVM") == affinity.format_list(ALL_CPUS)
    assert allowed.pop("CPU 1/KVM") == str(LAST)
    assert set(allowed.values()) == {str(FIRST)}


def test_the_vcpus_cpuset_is_for_all_that_is_not_pinned(daemon: SessionDaemon) -> None:
    text = monitor_xml("set", extra=f"<cputune><vcpupin vcpu='0' cpuset='{LAST}'/></cputune>", vcpus=2)
    text = text.replace("<vcpu>2</vcpu>", f"<vcpu cpuset='{FIRST}'>2</vcpu>")
    daemon.virsh("create", daemon.write("set.xml", text))
    allowed = _allowed(daemon.vmm_pid("set"))
    assert allowed.pop("CPU 0/KVM") == str(LAST)
    assert set(allowed.values()) == {str(FIRST)}


def test_a_pin_to_processors_that_are_not_there(daemon: SessionDaemon) -> None:
    text = monitor_xml("nowhere", extra="<cputune><vcpupin vcpu='0' cpuset='900'/></cputune>")
    error = daemon.error("create", daemon.write("nowhere.xml", text))
    assert "cannot pin vCPU 0: none of the processors 900 can be used" in error
    assert daemon.virsh("list", "--all", "--name").stdout.strip() == ""


def test_schedulers(daemon: SessionDaemon) -> None:
    pid = _start(
        daemon,
        "scheduled",
        "<cputune><emulatorsched scheduler='idle'/><vcpusched vcpus='1' scheduler='batch'/></cputune>",
    )
    policies = {name: os.sched_getscheduler(thread) for thread, name in affinity.threads(pid).items()}
    assert policies.pop("CPU 0/KVM") == os.SCHED_OTHER
    assert policies.pop("CPU 1/KVM") == os.SCHED_BATCH
    assert set(policies.values()) == {os.SCHED_IDLE}


def test_realtime(daemon: SessionDaemon) -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        policy = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, policy, os.sched_param(0))
    except PermissionError:
        pytest.skip("real-time scheduling is not permitted here")
    pid = _start(daemon, "real", "<cputune><vcpusched vcpus='0' scheduler='rr' priority='3'/></cputune>", 1)
    (thread,) = (number for number, name in affinity.threads(pid).items() if name == "CPU 0/KVM")
    assert os.sched_getscheduler(thread) == os.SCHED_RR
    assert os.sched_getparam(thread).sched_priority == 3


def test_processor_time(daemon: SessionDaemon) -> None:
    hierarchy = _needs("cpu")
    pid = _start(
        daemon,
        "timed",
        "<cputune><shares>300</shares><period>50000</period><quota>20000</quota>"
        "<global_quota>90000</global_quota><emulator_quota>30000</emulator_quota></cputune>",
    )
    scope = _groups(pid)["cpu"].removesuffix("/emulator")
    assert re.fullmatch(r"/machine/kvmctl-[0-9a-f]{8}-\d+-timed\.libvirt", scope)
    directory = hierarchy.root / scope.strip("/")
    if hierarchy.version == 1:
        values = {
            name: int((directory / name).read_text())
            for name in (
                "cpu.shares",
                "cpu.cfs_quota_us",
                "vcpu0/cpu.cfs_period_us",
                "vcpu1/cpu.cfs_quota_us",
                "emulator/cpu.cfs_quota_us",
            )
        }
        assert list(values.values()) == [300, 90_000, 50_000, 20_000, 30_000]
    threads = affinity.threads(pid)
    members = {
        name: (directory / name / "tasks").read_text().split() for name in ("vcpu0", "vcpu1", "emulator")
    }
    assert [[threads[int(thread)] for thread in members[name]] for name in ("vcpu0", "vcpu1")] == [
        ["CPU 0/KVM"],
        ["CPU 1/KVM"],
    ]
    assert {int(thread) for group in members.values() for thread in group} == set(threads)
    daemon.virsh("destroy", "timed")
    assert not directory.exists()


def test_memory_counts_from_the_start(daemon: SessionDaemon) -> None:
    hierarchy = _needs("memory")
    pid = _start(daemon, "bounded", "<memtune><hard_limit unit='MiB'>256</hard_limit></memtune>")
    path = _groups(pid)["memory"]
    assert path.endswith("-bounded.libvirt")
    directory = hierarchy.root / path.strip("/")
    limit, used = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes")
        if hierarchy.version == 1
        else ("memory.max", "memory.current")
    )
    assert int((directory / limit).read_text()) == 256 << 20
    assert int((directory / used).read_text()) > 1 << 20
    assert "hard_limit     : 262144" in daemon.virsh("memtune", "bounded").stdout
    daemon.virsh("destroy", "bounded")
    assert not directory.exists()


def test_without_limits_a_session_has_no_groups(daemon: SessionDaemon) -> None:
    pid = _start(daemon, "free", "")
    assert _groups(pid) == _groups(os.getpid())


def test_groups_outlive_the_daemon_and_not_the_guest(session: SessionDaemon) -> None:
    hierarchy = _needs("cpu")
    session.start()
    extra = "<cputune><shares>77</shares></cputune>"
    for name in ("kept", "dead"):
        _start(session, name, extra)
    directories = {
        name: hierarchy.root / _groups(session.vmm_pid(name))["cpu"].strip("/") for name in ("kept", "dead")
    }
    pid = session.vmm_pid("dead")
    assert session.process is not None
    session.process.kill()
    session.process.wait()
    os.kill(pid, 9)
    assert all(directory.is_dir() for directory in directories.values())
    session.start()
    wait_until(lambda: not directories["dead"].exists())
    assert directories["kept"].is_dir()
    assert "cpu_shares     : 77" in session.virsh("schedinfo", "kept").stdout
    session.virsh("destroy", "kept")
    assert not directories["kept"].exists()


def test_a_partition_has_to_exist(daemon: SessionDaemon) -> None:
    hierarchy = _needs("cpu")
    _needs("memory")
    extra = "<resource><partition>/machine/kvmctl-none</partition></resource>"
    error = daemon.error("create", daemon.write("lost.xml", monitor_xml("lost", extra=extra)))
    assert "the cgroup controller 'cpu' has no partition '/machine/kvmctl-none.partition'" in error
    assert not (hierarchy.root / "machine/kvmctl-none.partition").exists()


def test_memory_that_is_locked_and_there_at_once(daemon: SessionDaemon) -> None:
    pid = _start(
        daemon, "locked", "<memoryBacking><locked/><allocation mode='immediate'/></memoryBacking>", vcpus=1
    )
    status = Path(f"/proc/{pid}/status").read_text()
    locked = re.search(r"^VmLck:\s*(\d+) kB$", status, re.MULTILINE)
    assert locked is not None
    assert int(locked[1]) >= 16 << 10


def test_huge_pages_that_are_missing_are_counted(daemon: SessionDaemon) -> None:
    pool = hugepages.pools().get(2 << 20)
    if pool is None or pool.free >= 8:
        pytest.skip("this host has free huge pages, or none of 2 MiB at all")
    extra = "<memoryBacking><hugepages><page size='2048'/></hugepages></memoryBacking>"
    error = daemon.error("create", daemon.write("huge.xml", monitor_xml("huge", extra=extra)))
    free = f"{pool.free} of the host's {pool.total} are free"
    assert f"the guest needs 8 huge pages of 2048 KiB, {free}" in error
