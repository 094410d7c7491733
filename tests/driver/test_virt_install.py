"""Debian's own virt-install makes guests that start, from its options alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest
from lxml import etree

from kvmctl.demo import build
from kvmctl.host import firmware
from tests.conftest import SessionDaemon

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.skipif(shutil.which("virt-install") is None, reason="virt-install is missing (virtinst)"),
]


def install(daemon: SessionDaemon, *options: str, boot: tuple[str, ...] | None = None) -> etree._Element:
    """The live XML of the guest that virt-install started, of a kernel where `boot` says nothing else."""
    if boot is None:
        kernel, *_ = build.build()
        boot = ("--boot", f"kernel={kernel}")
    command = [
        *("virt-install", "--connect", daemon.uri, "--name", "guest", "--memory", "16"),
        *(*boot, "--import", "--graphics", "none", "--noautoconsole"),
    ]
    done = subprocess.run(
        [*command, *options], env=daemon.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{daemon.output.read_text()}"
    assert "running" in daemon.virsh("domstate", "guest").stdout
    return etree.fromstring(daemon.virsh("dumpxml", "guest").stdout)


def test_a_disk_and_a_card(daemon: SessionDaemon) -> None:
    image = daemon.directory / "disk.img"
    image.write_bytes(bytes(1 << 20))
    live = install(
        daemon,
        *("--disk", f"path={image},bus=virtio"),
        *("--network", "user,model=virtio"),
        *("--osinfo", "generic"),
    )
    assert live.find(f"devices/disk/source[@file='{image}']") is not None
    assert live.find("devices/interface/backend[@type='passt']") is not None
    assert live.find("devices/serial/alias[@name='serial0']") is not None
    assert live.find("devices/disk/address[@type='pci']") is not None
    # The directory is a pool now, as virt-install has it.
    assert str(image) in daemon.virsh("vol-list", daemon.directory.name).stdout


@pytest.mark.skipif(not Path(firmware.bios()).exists(), reason="SeaBIOS is missing (seabios)")
def test_a_disk_is_imported(daemon: SessionDaemon) -> None:
    """There is no kernel: the firmware looks at the disk, once it has asked in its menu."""
    image = daemon.directory / "disk.img"
    image.write_bytes(bytes(1 << 20))
    live = install(
        daemon,
        *("--disk", f"path={image},bus=virtio", "--network", "none", "--osinfo", "generic"),
        boot=("--boot", "hd,menu=on,bios.useserial=on"),
    )
    assert live.find("os/kernel") is None
    assert live.find("os/bootmenu[@enable='yes']") is not None
    console = pexpect.spawn(
        "virsh", ["-c", daemon.uri, "console", "guest"], env=daemon.environment, timeout=60
    )
    console.expect("Press ESC for boot menu")
    console.expect("not a bootable disk")
    console.close()


def test_a_disk_that_is_made(daemon: SessionDaemon) -> None:
    image = daemon.directory / "new.img"
    live = install(
        daemon,
        *("--disk", f"path={image},size=0.01,format=raw,bus=virtio"),
        *("--network", "none", "--osinfo", "generic"),
    )
    assert image.stat().st_size == int(0.01 * (1 << 30))
    assert live.find("devices/interface") is None


def test_every_device_by_name(daemon: SessionDaemon) -> None:
    live = install(
        daemon,
        *("--disk", "none", "--network", "none", "--osinfo", "linux2022"),
        *("--vcpus", "2", "--cpu", "host-passthrough"),
        *("--rng", "/dev/urandom", "--memballoon", "virtio", "--watchdog", "i6300esb"),
        *("--channel", "unix,target.type=virtio,target.name=org.qemu.guest_agent.0"),
        *("--console", "pty,target.type=serial", "--panic", "isa"),
        *("--controller", "usb,model=none"),
    )
    for device in ("rng", "memballoon", "watchdog", "channel", "console", "panic"):
        assert live.find(f"devices/{device}/alias") is not None, device
    slots = [address.get("slot") for address in live.findall("devices/*/address[@type='pci']")]
    assert len(slots) == len(set(slots)) == 4
    inactive = etree.fromstring(daemon.virsh("dumpxml", "guest", "--inactive").stdout)
    addresses = [etree.tostring(one) for one in inactive.findall("devices/*/address")]
    assert addresses == [etree.tostring(one) for one in live.findall("devices/*/address")]
    assert inactive.find("devices/*/alias") is None
    migratable = etree.fromstring(daemon.virsh("dumpxml", "guest", "--migratable").stdout)
    assert live.find("devices/controller[@type='pci']") is not None
    assert migratable.find("devices/controller[@type='pci']") is None


def test_what_is_not_here_is_said(daemon: SessionDaemon, tmp_path: Path) -> None:
    kernel, *_ = build.build()
    done = subprocess.run(
        [
            *("virt-install", "--connect", daemon.uri, "--name", "guest", "--memory", "16"),
            *("--boot", f"kernel={kernel}", "--import", "--graphics", "vnc", "--noautoconsole"),
            *("--disk", "none", "--network", "none", "--osinfo", "generic"),
        ],
        env=daemon.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "<serial type='pty'>" in done.stderr
