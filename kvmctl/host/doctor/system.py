"""What of this host guests may use: processors, memory, control groups, networks."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kvmctl.host import cgroup, hugepages, memory, tap
from kvmctl.host.doctor.check import Check, Level

_CONTROLLERS: Final = ("cpu", "cpuset", "memory")
_CAP_NET_ADMIN: Final = 12


def system_checks() -> Iterator[Check]:
    yield _kernel()
    yield _memory()
    yield hugepages_check(hugepages.pools())
    yield cgroups_check(cgroup.hierarchies())
    yield _networks()
    yield _ksm()


def _kernel() -> Check:
    name = os.uname()
    return Check("host", Level.INFO, f"{name.sysname} {name.release}, {len(os.sched_getaffinity(0))} CPUs")


def _memory() -> Check:
    now = memory.read()
    free = now.free + now.buffers + now.cached
    return Check("memory", Level.INFO, f"{free >> 20} MiB free of {now.total >> 20} MiB")


def hugepages_check(pools: Mapping[int, hugepages.Pool]) -> Check:
    used = [pool for _, pool in sorted(pools.items()) if pool.total]
    if used:
        words = (f"{pool.free} of {pool.total} free of {pool.size >> 20} MiB" for pool in used)
        return Check("huge pages", Level.OK, "; ".join(words))
    hint = "For <hugepages/>: echo 512 > /proc/sys/vm/nr_hugepages"
    return Check("huge pages", Level.INFO, "none reserved; guests use ordinary pages", hint)


def cgroups_check(mounted: Mapping[str, cgroup.Hierarchy]) -> Check:
    """Whether <cputune>, <memtune> and their like can be kept."""
    name = "control groups"
    missing = [each for each in _CONTROLLERS if each not in mounted]
    if len(missing) == len(_CONTROLLERS):
        return Check(name, Level.WARN, "none mounted; lost: <cputune> and <memtune>")
    versions = sorted({mounted[each].version for each in _CONTROLLERS if each in mounted})
    version = "version " + " and ".join(map(str, versions))
    if missing:
        return Check(name, Level.WARN, f"{version}, without {', '.join(missing)}: their limits are lost")
    if not all(os.access(mounted[each].root, os.W_OK) for each in _CONTROLLERS):
        detail = f"{version}, not writable for this user; lost: <cputune> and <memtune>"
        return Check(name, Level.INFO, detail, "Use kvmctl:///system for guests with limits.")
    return Check(name, Level.OK, f"{version}, with {', '.join(_CONTROLLERS)}")


def _networks() -> Check:
    """Whether a TAP device can be made and put on a bridge; passt needs no right."""
    name = "networks"
    instead = "passt (<interface type='user'>) works without" if shutil.which("passt") else "install passt"
    try:
        descriptor = os.open(tap.CLONE_DEVICE, os.O_RDWR | os.O_CLOEXEC)
        os.close(descriptor)
    except OSError as error:
        hint = "modprobe tun" if error.errno in (errno.ENOENT, errno.ENODEV) else None
        return Check(
            name, Level.WARN, f"no TAP devices: {tap.CLONE_DEVICE}: {error.strerror}; {instead}", hint
        )
    if not _has_capability(_CAP_NET_ADMIN):
        return Check(name, Level.INFO, f"no right (CAP_NET_ADMIN) to TAP devices and bridges; {instead}")
    return Check(name, Level.OK, "TAP devices and bridges")


def _has_capability(number: int) -> bool:
    """In the effective set of this process (proc_pid_status(5), CapEff)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _ksm() -> Check:
    try:
        on = Path("/sys/kernel/mm/ksm/run").read_text().strip() == "1"
    except OSError:
        return Check("same-page merging", Level.INFO, "this kernel has none")
    return Check("same-page merging", Level.INFO, "on" if on else "off")
