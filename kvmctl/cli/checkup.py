"""What doctor checks and shows: the host, the daemon, and the inside of a guest."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt
import typer
from rich.console import Console
from rich.text import Text

from ..host import kind
from ..host.doctor import Check, Level, kvm_checks, program_checks, system_checks
from . import daemon
from .errors import Failure
from .options import chosen_uri, privileged
from .output import stdout

_MARGIN = 8
_STYLES = {Level.OK: "green", Level.INFO: "dim", Level.WARN: "yellow", Level.FAIL: "bold red"}


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that belong together, made one by one while they are shown."""

    title: str
    checks: Iterator[Check]


def examine(context: typer.Context, *, no_guest: bool, as_json: bool) -> bool:
    """Make every check and show it; whether guests can run."""
    host = kind.detect()
    uri = chosen_uri(context)
    groups = [
        Group("KVM", kvm_checks(host)),
        Group("Host", system_checks()),
        Group("Programs", program_checks()),
        Group("Daemon", daemon_checks(uri)),
    ]
    seen: list[tuple[str, Check]] = []
    for group in groups:
        seen += _shown(group, as_json)
    if not no_guest:
        seen += _shown(Group("Self-test guest", _guest_checks(context, seen)), as_json)
    usable = not any(check.level is Level.FAIL for _, check in seen)
    if as_json:
        _print_json(host, seen, usable)
    else:
        _print_quirks(host)
        _print_end(usable, [check for _, check in seen])
    return usable


def _guest_checks(context: typer.Context, seen: list[tuple[str, Check]]) -> Iterator[Check]:
    from .selftest import guest_checks

    if any(check.level is Level.FAIL for _, check in seen):
        return iter([Check("not started", Level.INFO, "what failed above comes first")])
    return guest_checks(context)


def daemon_checks(uri: str) -> Iterator[Check]:
    """Which daemon the guests would be given to, and what is left of earlier ones."""
    version = libvirt.getVersion()
    text = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    yield Check("libvirt", Level.INFO, f"client library {text}")
    target = daemon.endpoint(uri, privileged=privileged())
    if target is None:
        yield Check("connection", Level.INFO, f"{uri} is another driver's")
        return
    try:
        running = daemon.answers(target.socket)
    except Failure as failure:
        yield Check("connection", Level.WARN, str(failure), failure.hint)
        return
    if running:
        yield Check("connection", Level.OK, f"virtkvmctld answers at {target.socket}")
    elif target.session or privileged():
        yield Check("connection", Level.OK, f"{uri}; the daemon is started when it is needed")
    else:
        hint = "Run it as root (sudo), or use your own guests: -c kvmctl:///session."
        yield Check("connection", Level.WARN, "virtkvmctld is not running, and only root can start it", hint)
    if not running and _exists(target.socket):
        yield Check("stale socket", Level.INFO, f"{target.socket} is left of an earlier daemon")
    yield from _stale_guests(target.socket.parent / "kvmctl")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _stale_guests(run: Path) -> Iterator[Check]:
    """Monitor sockets whose guest has gone without its daemon."""
    try:
        stale = [path for path in sorted(run.glob("*.qmp")) if not _alive(path.with_suffix(".pid"))]
    except (OSError, Failure):
        return
    if stale:
        names = ", ".join(path.stem for path in stale[:5]) + (" and more" if len(stale) > 5 else "")
        yield Check("stale guests", Level.INFO, f"left in {run}: {names}", "The next daemon removes them.")


def _alive(pid_file: Path) -> bool:
    try:
        return Path(f"/proc/{int(pid_file.read_text())}").exists()
    except (OSError, ValueError):
        return False


def _shown(group: Group, quiet: bool) -> Iterator[tuple[str, Check]]:
    """Each check as soon as it is made."""
    console = None if quiet else stdout()
    if console:
        console.print(Text(group.title, style="bold"))
    for check in group.checks:
        if console:
            head = Text(f"  {check.level.value:<5} ", style=_STYLES[check.level])
            body = _folded(console, f"{check.name}: {check.detail}")
            console.print(head.append(body, style="default"), soft_wrap=True)
            if check.hint:
                hint = _folded(console, check.hint)
                console.print(Text(" " * _MARGIN + hint, style="cyan"), soft_wrap=True)
            sys.stdout.flush()
        yield group.title, check


def _folded(console: Console, text: str) -> str:
    """Into the terminal's width, beside the margin; other programs get whole lines."""
    if not console.is_terminal:
        return text
    return ("\n" + " " * _MARGIN).join(textwrap.wrap(text, max(20, console.width - _MARGIN)))


def _print_quirks(host: kind.Host) -> None:
    if not host.quirks:
        return
    console = stdout()
    console.print(f"Done differently for every guest on this kind of host ({host.kind.value})", style="bold")
    for quirk in host.quirks:
        console.print(f"  {quirk.name}: {quirk.reason}", soft_wrap=True, markup=False)


def _print_end(usable: bool, checks: list[Check]) -> None:
    warnings = sum(check.level is Level.WARN for check in checks)
    lost = (
        f" {warnings} warning{'' if warnings == 1 else 's'}: some things will be missing." if warnings else ""
    )
    if usable:
        stdout().print(f"Guests can run here.{lost}", style="bold green" if not warnings else "bold yellow")
    else:
        stdout().print("Guests cannot run here; the lines that FAIL say why.", style="bold red")


def _print_json(host: kind.Host, seen: list[tuple[str, Check]], usable: bool) -> None:
    report: dict[str, Any] = {
        "usable": usable,
        "kvm": {"kind": host.kind.value, "nested": host.nested},
        "checks": [
            {
                "group": group,
                "name": check.name,
                "level": check.level.value,
                "detail": check.detail,
                "hint": check.hint,
            }
            for group, check in seen
        ],
        "quirks": [{"name": quirk.name, "reason": quirk.reason} for quirk in host.quirks],
    }
    print(json.dumps(report, indent=2))
