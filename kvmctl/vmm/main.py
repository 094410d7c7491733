"""kvmctl-vmm: one process, one guest."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import kvmctl
from kvmctl.domain import parse, with_defaults
from kvmctl.host.jail import OPEN, Settings
from kvmctl.vmm.process import PROGRAM, open_passed, run
from kvmctl.vmm.resources import Resources, open_all

if TYPE_CHECKING:
    from kvmctl.domain import Domain


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse_arguments(arguments)
    return run(lambda: _open(options), paused=options.paused, jail=options.jail)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Run one guest on /dev/kvm.")
    parser.add_argument("domain", nargs="?", type=Path, metavar="GUEST.XML", help="domain XML to run by hand")
    parser.add_argument("--domain-fd", type=int, metavar="N", help="descriptor with the domain XML")
    parser.add_argument(
        "--fd",
        action="append",
        default=[],
        type=_named_descriptor,
        metavar="NAME=N",
        help="an open descriptor: kvm, qmp, kernel, initrd, firmware, lock, or a device's alias",
    )
    parser.add_argument("--qmp", type=Path, metavar="PATH", help="listen for QMP there (by hand)")
    parser.add_argument("--serial", metavar="stdio|FILE", help="where the first serial port goes (by hand)")
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", help="keep decompressed kernels there")
    parser.add_argument(
        "--jail",
        type=Settings.from_json,
        default=OPEN,
        metavar="JSON",
        help="confine this process (the daemon)",
    )
    parser.add_argument("-S", dest="paused", action="store_true", help="wait for QMP's cont before the start")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {kvmctl.__version__}")
    options = parser.parse_args(arguments)
    if (options.domain is None) == (options.domain_fd is None):
        parser.error("give either GUEST.XML or --domain-fd")
    if options.domain_fd is not None and (options.qmp or options.serial):
        parser.error("--qmp and --serial go with GUEST.XML only")
    if options.domain is not None and options.fd:
        parser.error("--fd goes with --domain-fd only")
    return options


def _named_descriptor(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not name or not equals or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N")
    return name, int(number)


def _open(options: argparse.Namespace) -> tuple[Domain, Resources]:
    if options.domain_fd is not None:
        return open_passed(options.domain_fd, dict(options.fd), options.cache_dir)
    domain = with_defaults(parse(options.domain.read_bytes()))
    return open_all(domain, options.qmp, options.serial, options.cache_dir)
