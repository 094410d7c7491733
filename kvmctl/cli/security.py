"""What holds a running guest's process, as the host's kernel says (proc(5)), not as anybody configured it."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAMESPACES = {"mnt": "mount", "pid": "pid", "net": "net", "ipc": "ipc", "uts": "uts", "user": "user"}
_FILTERED = "2"
"""SECCOMP_MODE_FILTER."""
_HIDDEN = "this user may not see it"


@dataclass(frozen=True, slots=True)
class Security:
    """Of one process; None is what this user may not see."""

    pid: int
    user: str
    uid: int
    groups: list[int]
    capabilities: int
    """Bits of all sets together, those that it could get included."""
    no_new_privs: bool
    seccomp_filters: int | None
    """The fewest that a thread has; 0 for a thread without."""
    namespaces: list[str] | None
    """Those that it does not share with this command."""
    root: list[str] | None
    """What is in its root directory."""
    max_core: int | None
    """Bytes; None here and in the next for no limit."""
    max_files: int | None
    cgroups: list[str]


def security_of(pid: int, proc: Path = Path("/proc")) -> Security | None:
    """None when the process has ended."""
    directory = proc / str(pid)
    try:
        status = _status(directory)
        threads = [_status(thread) for thread in (directory / "task").iterdir()]
        cgroups = (directory / "cgroup").read_text().splitlines()
        limits = (directory / "limits").read_text()
    except OSError:
        return None
    uid = int(status["Uid"].split()[1])
    capabilities = 0
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        for thread in threads:
            capabilities |= int(thread[name], 16)
    return Security(
        pid=pid,
        user=_user(uid),
        uid=uid,
        groups=[int(group) for group in status["Groups"].split()],
        capabilities=capabilities,
        no_new_privs=all(thread["NoNewPrivs"] == "1" for thread in threads),
        seccomp_filters=_filters(threads),
        namespaces=_namespaces(directory, proc / "self"),
        root=_names(directory / "root"),
        max_core=_limit(limits, "Max core file size"),
        max_files=_limit(limits, "Max open files"),
        cgroups=[line.split(":", 2)[2] for line in cgroups if ".libvirt" in line],
    )


def _status(directory: Path) -> dict[str, str]:
    lines = (directory / "status").read_text(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _filters(threads: list[dict[str, str]]) -> int | None:
    """Kernels before 5.9 do not tell how many."""
    if any(thread["Seccomp"] != _FILTERED for thread in threads):
        return 0
    return min((int(thread.get("Seccomp_filters", 1)) for thread in threads), default=0)


def _namespaces(theirs: Path, ours: Path) -> list[str] | None:
    try:
        return [
            name
            for link, name in _NAMESPACES.items()
            if (theirs / "ns" / link).readlink() != (ours / "ns" / link).readlink()
        ]
    except OSError:
        return None


def _names(directory: Path) -> list[str] | None:
    try:
        return sorted(path.name for path in directory.iterdir())
    except OSError:
        return None


def _limit(text: str, name: str) -> int | None:
    """A hard limit of /proc/PID/limits; None for no limit."""
    line = next(line for line in text.splitlines() if line.startswith(name))
    hard = line.removeprefix(name).split()[1]
    return None if hard == "unlimited" else int(hard)


def lines_of(security: Security) -> Iterator[tuple[str, str]]:
    """Label and value, for people."""
    yield "Process", str(security.pid)
    groups = ", ".join(map(str, security.groups)) or "no other group"
    yield "User", f"{security.user} ({security.uid}), {groups}"
    yield "Capabilities", f"{security.capabilities:#x}" if security.capabilities else "none, for good"
    yield "New rights", "never (no_new_privs)" if security.no_new_privs else "by set-user-ID programs"
    yield "System calls", "filtered in every thread" if security.seccomp_filters else "NOT FILTERED"
    yield "Namespaces", _told(security.namespaces, "none of its own")
    root = security.root
    yield "Root", _HIDDEN if root is None else f"{len(root)} files and directories" if root else "empty"
    yield "Core dump", _core(security.max_core)
    yield "Files", "no limit" if security.max_files is None else f"at most {security.max_files} open"
    yield "Cgroups", _told(sorted(set(security.cgroups)), "no control group of its own")


def _told(names: list[str] | None, otherwise: str) -> str:
    return _HIDDEN if names is None else ", ".join(names) or otherwise


def _core(limit: int | None) -> str:
    if limit is None:
        return "of any size, without the guest's memory"
    return f"at most {limit} bytes, without the guest's memory" if limit else "none"
