"""Control groups: the host's own of version 1, and files that stand for version 2."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmctl.host import cgroup
from kvmctl.host.cgroup import UNLIMITED, CgroupError, CpuLimits, Hierarchy, MemoryLimits, Scope

MIB = 1 << 20


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        yield sleeper
        sleeper.kill()


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(f"kvmctl-test-{os.getpid()}/guest.libvirt")
    yield made
    made.remove()
    for hierarchy in cgroup.hierarchies().values():
        parent = hierarchy.root / f"kvmctl-test-{os.getpid()}"
        if parent.is_dir():
            parent.rmdir()


def _needs(controller: str) -> None:
    hierarchy = cgroup.hierarchies().get(controller)
    if hierarchy is None or not os.access(hierarchy.root, os.W_OK):
        pytest.skip(f"the controller '{controller}' cannot be written here")


def test_limits_of_processor_time(scope: Scope, process: subprocess.Popen[bytes]) -> None:
    _needs("cpu")
    assert not scope.exists("cpu")
    scope.move("cpu", process.pid)
    scope.set_cpu(CpuLimits(shares=200, period=50_000, quota=20_000))
    assert scope.cpu() == CpuLimits(shares=200, period=50_000, quota=20_000)
    scope.set_cpu(CpuLimits(quota=-17))
    assert scope.cpu() == CpuLimits(shares=200, period=50_000, quota=-1)
    scope.add_threads("vcpu0", [process.pid, 99_999_999 % 4_000_000])
    scope.set_cpu(CpuLimits(quota=10_000), "vcpu0")
    assert scope.cpu("vcpu0").quota == 10_000
    with pytest.raises(CgroupError, match=r"'cpu' does not take 5 for cpu\..*: Invalid argument"):
        scope.set_cpu(CpuLimits(period=5))
    process.kill()
    process.wait()
    scope.remove()
    assert not scope.exists("cpu")


def test_limits_of_memory_go_up_and_down(scope: Scope, process: subprocess.Popen[bytes]) -> None:
    _needs("memory")
    scope.create("memory")
    members = scope.open_members("memory")
    os.write(members, str(process.pid).encode())
    os.close(members)
    assert scope.memory() == MemoryLimits(
        hard_limit=UNLIMITED, soft_limit=UNLIMITED, swap_hard_limit=UNLIMITED
    )
    for size in (64 * MIB, 128 * MIB, 32 * MIB):
        limits = MemoryLimits(hard_limit=size, soft_limit=size // 2, swap_hard_limit=size + MIB)
        scope.set_memory(limits)
        assert scope.memory() == limits
    scope.set_memory(MemoryLimits(hard_limit=UNLIMITED, swap_hard_limit=UNLIMITED))
    assert scope.memory().hard_limit == UNLIMITED
    assert scope.memory().soft_limit == 16 * MIB


def test_nodes_of_memory(scope: Scope, process: subprocess.Popen[bytes]) -> None:
    _needs("cpuset")
    scope.create("cpuset")
    scope.set_nodes("0")
    assert scope.nodes() == "0"
    scope.move("cpuset", process.pid)
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "Mems_allowed_list:\t0\n" in status
    with pytest.raises(CgroupError, match=r"'cpuset' does not take 999 for cpuset\.mems"):
        scope.set_nodes("999")
    process.kill()
    process.wait()
    scope.remove()
    assert not scope.exists("cpuset")


def test_a_controller_that_is_not_there_is_named() -> None:
    with pytest.raises(CgroupError, match="'cpu' is not mounted"):
        Scope("guest", {}).create("cpu")


def test_a_hierarchy_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    mounted = {"cpu": Hierarchy("cpu", tmp_path / "file", 1)}
    (tmp_path / "file").write_text("")
    with pytest.raises(CgroupError, match="'cpu' cannot be used"):
        Scope("guest", mounted).create("cpu")


def test_mounts_are_found_whatever_their_version(tmp_path: Path) -> None:
    unified = tmp_path / "unified"
    unified.mkdir()
    (unified / "cgroup.controllers").write_text("memory io cpu\n")
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        f"31 24 0:27 / {unified} rw - cgroup2 cgroup2 rw,nsdelegate\n"
        "32 24 0:28 / /proc rw - proc proc rw\n"
    )
    found = cgroup.hierarchies(mountinfo)
    assert found["cpu"] == Hierarchy("cpu", Path("/sys/fs/cgroup/cpu,cpuacct"), 1)
    assert found["memory"] == Hierarchy("memory", unified, 2)


class TestVersion2:
    """Plain files in place of the kernel's; they show what is written where."""

    @pytest.fixture
    def scope(self, tmp_path: Path) -> Scope:
        mounted = {name: Hierarchy(name, tmp_path, 2) for name in ("cpu", "memory")}
        scope = Scope("machine/guest.libvirt", mounted)
        scope.create("cpu")
        directory = tmp_path / "machine/guest.libvirt"
        for name, text in {
            "cpu.weight": "100",
            "cpu.max": "max 100000",
            "memory.max": "max",
            "memory.high": "max",
            "memory.swap.max": "max",
        }.items():
            (directory / name).write_text(f"{text}\n")
        return scope

    def test_controllers_are_handed_down(self, scope: Scope, tmp_path: Path) -> None:
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
        assert (tmp_path / "machine/cgroup.subtree_control").read_text() == "+cpu"
        scope.add_threads("vcpu0", [77])
        group = tmp_path / "machine/guest.libvirt/vcpu0"
        assert (group / "cgroup.type").read_text() == "threaded"
        assert (group / "cgroup.threads").read_text() == "77"

    def test_period_and_quota_are_one_file(self, scope: Scope) -> None:
        scope.set_cpu(CpuLimits(shares=300, quota=25_000))
        assert scope.cpu() == CpuLimits(shares=300, period=100_000, quota=25_000)
        scope.set_cpu(CpuLimits(period=50_000))
        assert scope.cpu() == CpuLimits(shares=300, period=50_000, quota=25_000)
        scope.set_cpu(CpuLimits(quota=-1))
        assert scope.cpu().quota == -1

    def test_swap_counts_alone(self, scope: Scope, tmp_path: Path) -> None:
        limits = MemoryLimits(hard_limit=10 * MIB, soft_limit=5 * MIB, swap_hard_limit=12 * MIB)
        scope.set_memory(limits)
        assert scope.memory() == limits
        swap = tmp_path / "machine/guest.libvirt/memory.swap.max"
        assert swap.read_text() == str(2 * MIB)


def test_long_names_make_names_of_files() -> None:
    name = cgroup.scope_name("kvmctl", 7, "ä" * 200)
    assert len(os.fsencode(name)) <= 255
    assert name.startswith("kvmctl-7-ä")
    assert name.endswith("ä.libvirt")
