"""run: from a kernel or a disk image to a running guest, in one command."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import libvirt
import typer

from .bootfile import is_disk
from .connection import Connection, Domain, connect
from .console import run_console
from .diskcopy import copied
from .errors import Failure
from .guestxml import DISK, NET, DiskSpec, Guest, image_format, parse_disk, parse_net
from .options import options_of
from .output import say, working
from .sizes import parse_size

TITLE = "kvmctl run"


def run(
    context: typer.Context,
    image: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGE",
            help="A bzImage, a vmlinux or a flat ELF program; or a disk that is booted from its boot sector.",
            show_default=False,
        ),
    ],
    initrd: Annotated[
        Path | None, typer.Option("--initrd", "-i", metavar="FILE", help="The initial RAM disk.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", "-m", metavar="SIZE", help="512M, 2G; 512M where not given.")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", min=1, metavar="N", help="Virtual CPUs; 1 where not given.")
    ] = None,
    disks: Annotated[
        list[str] | None,
        typer.Option(
            "--disk",
            "-d",
            metavar=DISK,
            help="A virtio disk; can be repeated.",
        ),
    ] = None,
    nets: Annotated[
        list[str] | None,
        typer.Option("--net", metavar=NET, help="bridge=NAME, network=NAME, tap[=NAME] or user; repeatable."),
    ] = None,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Run on a copy of the disk image: the copy goes with the guest."),
    ] = False,
    cmdline: Annotated[
        str | None,
        typer.Option(
            "--cmdline",
            "-a",
            metavar="TEXT",
            help="The command line, in place of console=ttyS0 (and root=/dev/vda with a disk alone).",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="NAME", help="What to call the guest.")
    ] = None,
    print_xml: Annotated[
        bool, typer.Option("--print-xml", help="Show the domain XML; start nothing.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-D", help="Return once it runs; do not show its console.")
    ] = False,
    autodestroy: Annotated[
        bool, typer.Option("--autodestroy", help="End the guest when this command ends, whatever the reason.")
    ] = False,
) -> None:
    """Run a kernel or a disk image as a guest and show its console.

    Nothing of the guest stays when it ends. Ctrl-] leaves the console and the guest running; without a
    terminal the guest ends with the command.

    \b
    kvmctl run /boot/vmlinuz --initrd /boot/initrd.img
    kvmctl run disk.qcow2 --copy --memory 2G --net user
    kvmctl run bzImage --disk root.img --memory 1G --cpus 2
    kvmctl run bzImage --print-xml > guest.xml
    """
    from_disk = is_disk(image)
    if from_disk and (initrd or cmdline is not None):
        raise typer.BadParameter("--initrd and --cmdline are for a kernel; a disk has its own")
    if copy and (not from_disk or print_xml):
        raise typer.BadParameter("--copy is for a disk image that is run")
    if initrd and not initrd.is_file():
        raise Failure(f"the initial RAM disk {initrd} does not exist", "`ls /boot` shows this host's.")
    if detach and autodestroy:
        raise typer.BadParameter("--autodestroy needs this command to go on; leave --detach out")
    config = options_of(context).config
    what = Guest(
        None if from_disk else image,
        initrd,
        _cmdline(from_disk, initrd, bool(disks)) if cmdline is None else cmdline,
        memory=parse_size(memory or config.run_memory),
        vcpus=cpus or config.run_cpus,
        title=TITLE,
        disks=tuple(parse_disk(text) for text in disks or ()),
        nets=tuple(parse_net(text) for text in nets or ()),
    )
    if print_xml:
        sys.stdout.write(_booting(what, image, from_disk).xml(name or guest_name(image, set())))
        return
    connection = connect(context)
    taken = {domain.name() for domain in connection.listAllDomains()}
    if name in taken:
        raise Failure(f"there is a domain '{name}' already", "Give another --name, or leave it out.")
    if connection.getType().lower() == "test":
        what = replace(what, domain_type="test")
    autodestroy = autodestroy or not (detach or sys.stdin.isatty())
    name = name or guest_name(image, taken)
    with copied(image) if copy else nullcontext(image) as booted:
        domain = _create(connection, _booting(what, booted, from_disk).xml(name), detach, autodestroy)
    if detach:
        say(f"Started {domain.name()}. `kvmctl console {domain.name()}` shows it.")
        return
    try:
        run_console(connection, domain, when_open=domain.resume)
    except libvirt.libvirtError:
        domain.destroy()  # it has no console, and waits for one with its first instruction
        raise


def _create(connection: Connection, xml: str, detach: bool, autodestroy: bool) -> Domain:
    flags = 0 if detach else libvirt.VIR_DOMAIN_START_PAUSED
    if autodestroy:
        flags |= libvirt.VIR_DOMAIN_START_AUTODESTROY
    with working("Starting the guest"):
        return connection.createXML(xml, flags)


def _booting(what: Guest, image: Path, from_disk: bool) -> Guest:
    """With the disk that it boots from as the first; one that cannot be written is a disk all the same."""
    if not from_disk:
        return what
    disk = DiskSpec(image.resolve(), image_format(image), not os.access(image, os.W_OK))
    return replace(what, disks=(disk, *what.disks))


def _cmdline(from_disk: bool, initrd: Path | None, disk: bool) -> str:
    """What shows Linux on the serial port, with its root on the first disk where nothing else can hold it."""
    if from_disk:
        return ""
    return "console=ttyS0" + (" root=/dev/vda rw" if disk and not initrd else "")


def guest_name(image: Path, taken: set[str]) -> str:
    """The file's name, with a number where that is taken."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", image.resolve().name.removesuffix(".elf")).strip("-.") or "guest"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
