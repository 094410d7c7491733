"""What a definition keeps: the same before, while and after its guest runs, and through edits."""

from __future__ import annotations

import os

import pytest
from lxml import etree

from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml

DEVICES = """
<disk type='file'><source file='{image}'/><target dev='vda'/></disk>
<console type='pty'><target type='virtio'/></console><serial type='pty'/>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<channel type='unix'><source mode='bind' path='{directory}/b.sock'/><target type='virtio' name='b'/></channel>
<channel type='pty'><target type='virtio' name='c'/></channel>
<watchdog model='i6300esb'/><rng model='virtio'><backend model='builtin'/></rng><vsock/><panic/>
"""
TAP = "<interface type='ethernet'/>"


def addresses(xml: str) -> dict[str, list[str]]:
    """By the kind of device."""
    found: dict[str, list[str]] = {}
    for address in etree.fromstring(xml).iterfind("devices/*/address"):
        found.setdefault(address.getparent().tag, []).append(str(sorted(address.attrib.items())))
    return found


def define(daemon: SessionDaemon) -> str:
    image = daemon.directory / "disk.img"
    image.write_bytes(bytes(1 << 20))
    devices = DEVICES.format(image=image, directory=daemon.directory)
    if os.geteuid() == 0:
        devices += TAP
    daemon.virsh("define", daemon.write("guest.xml", monitor_xml("guest", devices=devices)))
    return daemon.virsh("dumpxml", "guest").stdout


@pytest.mark.kvm
def test_a_run_leaves_no_trace(daemon: SessionDaemon) -> None:
    before = define(daemon)
    daemon.virsh("start", "guest")
    live = daemon.virsh("dumpxml", "guest").stdout
    assert daemon.virsh("dumpxml", "guest", "--inactive").stdout == before
    assert addresses(live) == addresses(before)
    assert "/channel/1-guest/org.qemu.guest_agent.0" in live
    assert "<cid auto='yes' address='" in live
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("dumpxml", "guest").stdout == before


def test_addresses_survive_edits_and_restarts(daemon: SessionDaemon) -> None:
    before = define(daemon)
    edited = etree.fromstring(before)
    devices = edited.find("devices")
    assert devices is not None
    devices.remove(devices.find("watchdog"))
    devices.append(etree.fromstring("<rng model='virtio'><backend model='builtin'/></rng>"))
    daemon.virsh("define", daemon.write("edited.xml", etree.tostring(edited, encoding="unicode")))
    after = addresses(daemon.virsh("dumpxml", "guest").stdout)
    watchdogs = addresses(before).pop("watchdog")
    assert after.pop("rng") == [*addresses(before)["rng"], *watchdogs]
    assert after == {kind: places for kind, places in addresses(before).items() if kind in after}
    daemon.stop()
    daemon.start()
    kept = addresses(daemon.virsh("dumpxml", "guest").stdout)
    assert {kind: places for kind, places in kept.items() if kind != "rng"} == after


def test_a_clash_is_refused(daemon: SessionDaemon) -> None:
    before = define(daemon)
    clash = etree.fromstring(before)
    rng, disk = clash.find("devices/rng/address"), clash.find("devices/disk/address")
    assert rng is not None and disk is not None
    rng.set("slot", str(disk.get("slot")))
    error = daemon.error("define", daemon.write("clash.xml", etree.tostring(clash, encoding="unicode")))
    assert "XML error: Attempted double use of PCI Address 0000:00:" in error
    assert daemon.virsh("dumpxml", "guest").stdout == before
