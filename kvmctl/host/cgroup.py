"""Control groups: what a guest may use of the host's processor time and memory.

Linux Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst. A controller is either mounted by itself
(version 1) or belongs to the unified hierarchy (version 2); a host may have some of each kind. A guest's
scope is a directory of the same name in the hierarchy of every controller in use; in the one of `cpu` there
are groups for its threads below it.
"""

import errno
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

_MOUNTINFO: Final = Path("/proc/self/mountinfo")
_NAME_BYTES: Final = 255
_V1_UNLIMITED: Final = (1 << 63) - (1 << 21)
"""From here on a limit of version 1 is none: the largest number of pages, whatever a page is."""
_V2_NONE: Final = "max"
_DEFAULT_PERIOD: Final = 100_000
_RETRIES: Final = 20
_RETRY_SECONDS: Final = 0.01


class CgroupError(Exception):
    """A controller that is missing, or that refused; ``str()`` names it."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where a controller's groups are."""

    controller: str
    root: Path
    version: int


def hierarchies(mountinfo: Path = _MOUNTINFO) -> dict[str, Hierarchy]:
    """Every controller that is mounted; one of version 1 goes before the same one of version 2."""
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.read_text().splitlines():
        before, _, after = line.partition(" - ")
        root = Path(before.split()[4].replace("\\040", " "))
        kind, _source, options = after.split()[:3]
        if kind == "cgroup":
            for name in options.split(","):
                found[name] = Hierarchy(name, root, 1)
        elif kind == "cgroup2":
            for name in _words(root / "cgroup.controllers"):
                found.setdefault(name, Hierarchy(name, root, 2))
    return found


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuLimits:
    """Processor time of one group; microseconds. In a change, None leaves a value as it is."""

    shares: int | None = None
    """Weight against the groups beside it: 2 to 262144 in version 1, 1 to 10000 in version 2."""
    period: int | None = None
    quota: int | None = None
    """In each period; negative: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimits:
    """Bytes. In a change, None leaves a value as it is; UNLIMITED takes a limit away."""

    hard_limit: int | None = None
    soft_limit: int | None = None
    swap_hard_limit: int | None = None
    """Of memory and swap together."""


UNLIMITED: Final = -1
MEMBERS: Final = "cgroup."
"""Begins the name of a descriptor that a VMM moves into its groups by; the controller follows."""

_Limits = TypeVar("_Limits", CpuLimits, MemoryLimits)


def given(limits: CpuLimits | MemoryLimits) -> bool:
    """Whether a change changes anything."""
    return any(getattr(limits, field.name) is not None for field in fields(limits))


def scope_name(prefix: str, guest_id: int, guest: str) -> str:
    """The last part of a scope's path, as libvirt's drivers write it, short enough for a file's name."""
    stem = os.fsencode(f"{prefix}-{guest_id}-{guest}")[: _NAME_BYTES - len(".libvirt")]
    return f"{stem.decode(errors='ignore')}.libvirt"


class Scope:
    """The groups of one guest. `path` is relative to each hierarchy: machine/kvmctl-1-name.libvirt."""

    def __init__(self, path: str, mounted: Mapping[str, Hierarchy] | None = None) -> None:
        self.path = path
        self._mounted = hierarchies() if mounted is None else mounted

    def exists(self, controller: str, group: str = "") -> bool:
        hierarchy = self._mounted.get(controller)
        return hierarchy is not None and self._directory(hierarchy, group).is_dir()

    def require_parent(self, controller: str) -> None:
        """The partition has to be there: making it is its administrator's."""
        parent = self._directory(self._hierarchy(controller)).parent
        if not parent.is_dir():
            name = parent.relative_to(self._hierarchy(controller).root)
            raise CgroupError(f"the cgroup controller '{controller}' has no partition '/{name}'")

    def create(self, controller: str) -> None:
        """Make the scope in this controller's hierarchy, where it is not yet."""
        hierarchy = self._hierarchy(controller)
        try:
            if hierarchy.version == 2:
                self._delegate(hierarchy)
            self._directory(hierarchy).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(controller, error) from error

    def open_members(self, controller: str) -> int:
        """A descriptor: the process that writes "0" to it moves into the scope."""
        try:
            return os.open(self._members(controller), os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unusable(controller, error) from error

    def move(self, controller: str, pid: int) -> None:
        """Make the scope, and move a process there that is running already."""
        self.create(controller)
        try:
            self._members(controller).write_text(str(pid))
        except OSError as error:
            raise _unusable(controller, error) from error

    def _members(self, controller: str) -> Path:
        return self._directory(self._hierarchy(controller)) / "cgroup.procs"

    def _delegate(self, hierarchy: Hierarchy) -> None:
        """Every group above hands the controller down to those below it (cgroup-v2.rst, "Enabling")."""
        group = hierarchy.root
        for part in Path(self.path).parts:
            _enable(group, hierarchy.controller)
            group /= part
            group.mkdir(exist_ok=True)

    def _hierarchy(self, controller: str) -> Hierarchy:
        if controller not in self._mounted:
            raise CgroupError(f"the cgroup controller '{controller}' is not mounted on this host")
        return self._mounted[controller]

    def _directory(self, hierarchy: Hierarchy, group: str = "") -> Path:
        return hierarchy.root / self.path / group

    def remove(self) -> None:
        """Once its processes have ended, take the scope away; what does not go is left to the next call."""
        for root in {hierarchy.root for hierarchy in self._mounted.values()}:
            scope = root / self.path
            if not scope.is_dir():
                continue
            for group in [*(path for path in scope.iterdir() if path.is_dir()), scope]:
                _remove(group)

    # groups of threads

    def add_threads(self, group: str, threads: Iterable[int]) -> None:
        """Put threads into a group of the scope's `cpu` controller, which is made for the first of them."""
        hierarchy = self._hierarchy("cpu")
        scope, directory = self._directory(hierarchy), self._directory(hierarchy, group)
        members = "tasks" if hierarchy.version == 1 else "cgroup.threads"
        try:
            directory.mkdir(exist_ok=True)
            if hierarchy.version == 2:
                # cgroup-v2.rst, "Threads": the type comes before the controller is handed down.
                (directory / "cgroup.type").write_text("threaded")
                _enable(scope, "cpu")
            for thread in threads:
                _add_thread(directory / members, thread)
        except OSError as error:
            raise _unusable("cpu", error) from error

    # processor time

    def set_cpu(self, limits: CpuLimits, group: str = "") -> None:
        hierarchy = self._hierarchy("cpu")
        directory = self._directory(hierarchy, group)
        if hierarchy.version == 1:
            named = {
                "cpu.shares": limits.shares,
                "cpu.cfs_period_us": limits.period,
                "cpu.cfs_quota_us": None if limits.quota is None else max(limits.quota, -1),
            }
            for name, value in named.items():
                _write("cpu", directory / name, value)
            return
        _write("cpu", directory / "cpu.weight", limits.shares)
        if limits.period is not None or limits.quota is not None:
            before = self.cpu(group)
            period = limits.period or before.period or _DEFAULT_PERIOD
            quota = before.quota if limits.quota is None else limits.quota
            text = f"{_V2_NONE if quota is None or quota < 0 else quota} {period}"
            _write("cpu", directory / "cpu.max", text)

    def cpu(self, group: str = "") -> CpuLimits:
        """What holds; a quota of -1 is none."""
        hierarchy = self._hierarchy("cpu")
        directory = self._directory(hierarchy, group)
        if hierarchy.version == 1:
            return CpuLimits(
                shares=int(_read("cpu", directory / "cpu.shares")),
                period=int(_read("cpu", directory / "cpu.cfs_period_us")),
                quota=int(_read("cpu", directory / "cpu.cfs_quota_us")),
            )
        quota, period = _read("cpu", directory / "cpu.max").split()
        return CpuLimits(
            shares=int(_read("cpu", directory / "cpu.weight")),
            period=int(period),
            quota=-1 if quota == _V2_NONE else int(quota),
        )

    # memory nodes

    def set_nodes(self, nodes: str) -> None:
        """Where memory comes from, as "0-1,3" (cgroup-v1/cpusets.rst; cgroup-v2.rst, "Cpuset")."""
        hierarchy = self._hierarchy("cpuset")
        if hierarchy.version == 1:
            # A new group there has no processors and no nodes, and takes no process without.
            group = hierarchy.root
            for part in Path(self.path).parts:
                above, group = group, group / part
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if not _read("cpuset", group / name):
                        _write("cpuset", group / name, _read("cpuset", above / name))
        _write("cpuset", self._directory(hierarchy) / "cpuset.mems", nodes)

    def nodes(self) -> str:
        return _read("cpuset", self._directory(self._hierarchy("cpuset")) / "cpuset.mems")

    # memory

    def set_memory(self, limits: MemoryLimits) -> None:
        hierarchy = self._hierarchy("memory")
        directory = self._directory(hierarchy)
        hard, swap = limits.hard_limit, limits.swap_hard_limit
        if hierarchy.version == 1:
            ordered = [("memory.limit_in_bytes", hard), ("memory.memsw.limit_in_bytes", swap)]
            # The limit of memory and swap may at no time be the lower of the two.
            if hard is not None and _above(hard, self.memory().hard_limit):
                ordered.reverse()
            for name, value in [*ordered, ("memory.soft_limit_in_bytes", limits.soft_limit)]:
                _write("memory", directory / name, value)
            return
        _write("memory", directory / "memory.max", _v2_limit(hard))
        _write("memory", directory / "memory.high", _v2_limit(limits.soft_limit))
        if swap is not None:
            memory = self.memory().hard_limit
            bounded = swap != UNLIMITED and memory not in (None, UNLIMITED)
            swap_alone = max(swap - (memory or 0), 0) if bounded else UNLIMITED
            _write("memory", directory / "memory.swap.max", _v2_limit(swap_alone))

    def memory(self) -> MemoryLimits:
        """What holds, UNLIMITED where there is no limit."""
        hierarchy = self._hierarchy("memory")
        directory = self._directory(hierarchy)
        if hierarchy.version == 1:
            hard, soft, swap = (
                _v1_limit(directory / f"memory.{name}_in_bytes")
                for name in ("limit", "soft_limit", "memsw.limit")
            )
            return MemoryLimits(hard_limit=hard, soft_limit=soft, swap_hard_limit=swap)
        hard, soft, swap = (_v2_value(directory / f"memory.{name}") for name in ("max", "high", "swap.max"))
        both = UNLIMITED if UNLIMITED in (hard, swap) else hard + swap
        return MemoryLimits(hard_limit=hard, soft_limit=soft, swap_hard_limit=both)


def _unusable(controller: str, error: OSError) -> CgroupError:
    return CgroupError(f"the cgroup controller '{controller}' cannot be used: {error}")


def _enable(group: Path, controller: str) -> None:
    if controller not in _words(group / "cgroup.subtree_control"):
        (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _add_thread(members: Path, thread: int) -> None:
    try:
        members.write_text(str(thread))
    except OSError as error:
        if error.errno != errno.ESRCH:  # the thread has ended
            raise


def _remove(group: Path) -> None:
    for _ in range(_RETRIES):
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                return
            time.sleep(_RETRY_SECONDS)  # the kernel is not done with the process
        else:
            return


def _write(controller: str, path: Path, value: int | str | None) -> None:
    if value is None:
        return
    try:
        path.write_text(str(value))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise CgroupError(
            f"the cgroup controller '{controller}' does not take {value} for {path.name}: {reason}"
        ) from error


def _read(controller: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise CgroupError(f"the cgroup controller '{controller}' has no {path.name}: {reason}") from error


def _above(limit: int, other: int | None) -> bool:
    if other in (None, UNLIMITED):
        return False
    return limit == UNLIMITED or limit > other


def _v1_limit(path: Path) -> int:
    if not path.exists() and "memsw" in path.name:
        return UNLIMITED  # a kernel that does not count swap
    value = int(_read("memory", path))
    return UNLIMITED if value >= _V1_UNLIMITED else value


def _v2_limit(value: int | None) -> str | None:
    if value is None:
        return None
    return _V2_NONE if value == UNLIMITED else str(value)


def _v2_value(path: Path) -> int:
    if not path.exists() and "swap" in path.name:
        return UNLIMITED
    text = _read("memory", path)
    return UNLIMITED if text == _V2_NONE else int(text)
