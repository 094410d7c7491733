"""The devices of a document: every field of them, what the defaults fill in, and their contradictions."""

import re
from dataclasses import replace

import pytest

import kvmctl.domain
from kvmctl.domain import DomainError, ErrorKind
from kvmctl.domain.aliases import disk_index
from kvmctl.domain.model import (
    Address,
    Channel,
    Chardev,
    ChardevLog,
    Controller,
    Devices,
    Disk,
    Filesystem,
    GuestOffloads,
    HostOffloads,
    Interface,
    IoTune,
    Memballoon,
    Panic,
    PanicAddress,
    PortAddress,
    Present,
    Rng,
    Vsock,
    Watchdog,
)
from tests.domain.documents import FULL, small

UNSUPPORTED = ErrorKind.CONFIG_UNSUPPORTED
WRONG = ErrorKind.XML_ERROR


def at(slot: int, *, multifunction: bool | None = None) -> Address:
    return Address(domain=0, bus=0, slot=slot, function=0, multifunction=multifunction)


def devices(text: str) -> Devices:
    return kvmctl.domain.parse(small(devices=text)).devices


def completed(text: str) -> Devices:
    return kvmctl.domain.with_defaults(kvmctl.domain.parse(small(devices=text))).devices


def test_every_field() -> None:
    parsed = kvmctl.domain.parse(FULL).devices
    assert parsed.emulator == "/usr/bin/kvmctl-vmm"
    assert parsed.disks == (
        Disk(
            type="file",
            driver_name="qemu",
            driver_type="raw",
            cache="none",
            error_policy="stop",
            rerror_policy="report",
            io="native",
            discard="unmap",
            detect_zeroes="unmap",
            driver_queues=2,
            file="/srv/disk.img",
            logical_block_size=512,
            physical_block_size=4096,
            target="vda",
            bus="virtio",
            iotune=IoTune(
                total_bytes_sec=1000000,
                read_iops_sec=100,
                write_iops_sec=50,
                total_bytes_sec_max=2000000,
                read_iops_sec_max=200,
                size_iops_sec=4096,
                group_name="slow",
                total_bytes_sec_max_length=5,
                read_iops_sec_max_length=6,
            ),
            shareable=Present(),
            serial="A1_b.+- 2",
            boot_order=1,
            alias="virtio-disk0",
            address=at(4, multifunction=True),
        ),
        Disk(type="block", driver_type="qcow2", dev="/dev/sdb", target="vdb", readonly=Present()),
        Disk(type="vhostuser", source_type="unix", path="/run/blk.sock", target="vdc", bus="virtio"),
    )
    assert parsed.controllers == (
        Controller(type="usb", index=0, model="none"),
        Controller(type="pci", index=0, model="pci-root", alias="pci.0"),
        Controller(type="virtio-serial", index=0, ports=31, alias="virtio-serial0", address=at(5)),
    )
    assert parsed.filesystems == (
        Filesystem(
            accessmode="passthrough",
            queue_size=1024,
            binary="/usr/lib/qemu/virtiofsd",
            source="/srv/share",
            target="share",
            alias="fs0",
            address=at(6),
        ),
    )
    assert parsed.watchdog == Watchdog(model="i6300esb", action="reset", alias="watchdog0", address=at(7))
    assert parsed.memballoon == Memballoon(
        model="virtio",
        autodeflate=True,
        free_page_reporting=True,
        stats_period=10,
        alias="balloon0",
        address=at(8),
    )
    assert parsed.rngs == (
        Rng(rate_bytes=1024, rate_period=2000, path="/dev/random", alias="rng0", address=at(9)),
        Rng(backend="builtin"),
    )
    assert parsed.panics == (Panic(model="isa", alias="panic0", address=PanicAddress(iobase="0x505")),)
    assert parsed.vsock == Vsock(model="virtio", cid_auto=True, cid=3, alias="vsock0", address=at(10))


def test_every_field_of_interfaces() -> None:
    interfaces = kvmctl.domain.parse(FULL).devices.interfaces
    assert interfaces[0] == Interface(
        type="bridge",
        mac="52:54:00:12:34:56",
        bridge="br0",
        target="lan0",
        model="virtio",
        driver_name="vhost",
        driver_queues=2,
        rx_queue_size=512,
        tx_queue_size=256,
        host_offloads=HostOffloads(
            csum=True, gso=False, tso4=True, tso6=False, ecn=True, ufo=False, mrg_rxbuf=True
        ),
        guest_offloads=GuestOffloads(csum=False, tso4=True, tso6=False, ecn=True, ufo=False),
        link_state="down",
        mtu=9000,
        boot_order=2,
        alias="net0",
        address=at(3),
    )
    assert interfaces[1] == Interface(type="ethernet", target="tap5")
    network = interfaces[2]
    assert (network.type, network.network, network.bridge) == ("network", "default", "virbr0")
    assert str(network.portid) == "6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a12"
    assert interfaces[3] == Interface(type="user", dev="eth0", backend="passt", log_file="/var/log/passt.log")
    assert interfaces[4] == Interface(
        type="vhostuser", source_type="unix", path="/run/net.sock", mode="client"
    )


def test_every_field_of_character_devices() -> None:
    parsed = kvmctl.domain.parse(FULL).devices
    serial = Chardev(
        source_type="pty",
        tty="/dev/pts/3",
        path="/dev/pts/3",
        log=ChardevLog(file="/var/log/guest.log", append=False),
        target_type="isa-serial",
        target_port=0,
        target_model="isa-serial",
        alias="serial0",
    )
    assert parsed.serials == (
        serial,
        Chardev(source_type="file", path="/tmp/out", append=True, target_port=1),
    )
    assert parsed.consoles == (
        replace(serial, log=None, target_type="serial", target_model=None),
        Chardev(
            source_type="pty",
            tty="/dev/pts/4",
            path="/dev/pts/4",
            target_type="virtio",
            target_port=1,
            alias="console1",
            address=PortAddress(controller=0, bus=0, port=2),
        ),
    )
    assert parsed.channels == (
        Channel(
            source_type="unix",
            mode="bind",
            path="/run/kvmctl/channel/7-full/org.qemu.guest_agent.0",
            target_name="org.qemu.guest_agent.0",
            target_state="connected",
            alias="channel0",
            address=PortAddress(controller=0, bus=0, port=1),
        ),
        Channel(source_type="null"),
    )


def test_what_was_made_up_for_a_run_is_not_of_the_definition() -> None:
    inactive = kvmctl.domain.inactive(kvmctl.domain.parse(FULL)).devices
    assert (inactive.channels[0].path, inactive.channels[0].mode) == (None, None)
    assert inactive.channels[0].target_state is None
    network = inactive.interfaces[2]
    assert (network.network, network.bridge, network.portid, network.target) == ("default", None, None, None)
    assert inactive.interfaces[0].target == "lan0"
    assert inactive.vsock == Vsock(model="virtio", cid_auto=True, address=at(10))
    assert inactive.disks[0].alias is None


def test_what_goes_to_another_host_has_nothing_of_this_one() -> None:
    domain = kvmctl.domain.parse(FULL)
    sent = kvmctl.domain.migratable(domain)
    assert [one.type for one in sent.devices.controllers] == ["usb", "virtio-serial"]
    assert (sent.devices.channels[0].path, sent.devices.channels[0].mode) == (None, None)
    assert sent.devices.interfaces == domain.devices.interfaces
    assert kvmctl.domain.with_defaults(sent).devices.controllers[-1].model == "pci-root"


def test_a_users_own_alias_stays() -> None:
    text = "<rng model='virtio'><backend model='builtin'/><alias name='ua-dice'/></rng>"
    domain = kvmctl.domain.parse(small(devices=text * 1))
    assert kvmctl.domain.inactive(domain) == domain
    assert "<alias name='ua-dice'/>" in kvmctl.domain.format(domain)
    assert kvmctl.domain.with_aliases(domain).devices.rngs[0].alias == "ua-dice"


def test_defaults_of_devices() -> None:
    filled = completed(
        "<disk type='file'><driver cache='default'/><source file='/d'/><target dev='vda'/></disk>"
        "<filesystem><driver type='virtiofs'/><source dir='/s'/><target dir='t'/></filesystem>"
        "<interface type='user'/><channel type='unix'><target type='virtio' name='a'/></channel>"
        "<channel type='unix'><source path='/c'/><target type='virtio' name='b'/></channel>"
        "<watchdog model='i6300esb'/><rng model='virtio'><backend model='random'/></rng>"
        "<panic/><vsock/>"
    )
    assert (filled.disks[0].driver_name, filled.disks[0].driver_type, filled.disks[0].bus) == (
        "qemu",
        "raw",
        "virtio",
    )
    assert filled.disks[0].cache is None
    assert filled.filesystems[0].accessmode == "passthrough"
    assert filled.interfaces[0].backend == "passt"
    assert re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", filled.interfaces[0].mac or "")
    assert [channel.mode for channel in filled.channels] == [None, "connect"]
    assert filled.watchdog is not None and filled.watchdog.action == "reset"
    assert filled.rngs[0].path == "/dev/random"
    assert filled.panics[0].model == "isa"
    assert filled.vsock is not None and filled.vsock.cid_auto is True and filled.vsock.model == "virtio"


def test_a_virtio_console_is_no_serial_port() -> None:
    filled = completed("<console type='pty'><target type='virtio'/></console>")
    assert filled.serials == ()
    assert [console.target_type for console in filled.consoles] == ["virtio"]
    assert filled.consoles[0].target_port == 0
    filled = completed("<serial type='pty'/><console type='null'><target type='virtio'/></console>")
    assert [(one.target_type, one.target_port) for one in filled.consoles] == [("serial", 0), ("virtio", 0)]
    filled = completed("<console type='pty'/><console type='null'><target type='virtio'/></console>")
    assert len(filled.serials) == 1
    assert [(one.target_type, one.target_port) for one in filled.consoles] == [("serial", 0), ("virtio", 1)]


def test_aliases_are_libvirts() -> None:
    live = kvmctl.domain.with_aliases(
        kvmctl.domain.with_defaults(kvmctl.domain.inactive(kvmctl.domain.parse(FULL)))
    ).devices
    assert [disk.alias for disk in live.disks] == ["virtio-disk0", "virtio-disk1", "virtio-disk2"]
    assert [one.alias for one in live.controllers] == ["usb", "pci.0", "virtio-serial0"]
    assert [one.alias for one in live.interfaces] == ["net0", "net1", "net2", "net3", "net4"]
    assert [one.alias for one in live.serials] == ["serial0", "serial1"]
    assert [one.alias for one in live.consoles] == ["serial0", "console1"]
    assert [one.alias for one in live.channels] == ["channel0", "channel1"]
    assert [one.alias for one in live.filesystems] == ["fs0"]
    assert [one.alias for one in live.rngs] == ["rng0", "rng1"]
    assert live.watchdog is not None and live.watchdog.alias == "watchdog0"
    assert live.memballoon is not None and live.memballoon.alias == "balloon0"
    assert live.vsock is not None and live.vsock.alias == "vsock0"


@pytest.mark.parametrize(("target", "index"), [("vda", 0), ("vdz", 25), ("vdaa", 26), ("vdba", 52)])
def test_disks_are_numbered_by_their_names(target: str, index: int) -> None:
    assert disk_index(target) == index


DISK = "<disk type='file'>{}<source file='/d'/><target dev='vda'/>{}</disk>"
SERVED = "<disk type='vhostuser'>{}<source type='unix' path='/s'/><target dev='vdb'/>{}</disk>"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (DISK.format("<driver io='native'/>", ""), UNSUPPORTED, "native I/O needs"),
        (DISK.format("<driver cache='writeback'/>", "<shareable/>"), UNSUPPORTED, "cache='none'"),
        (DISK.format("<blockio logical_block_size='1000'/>", ""), UNSUPPORTED, "power of two"),
        (
            DISK.format("<blockio logical_block_size='4096' physical_block_size='512'/>", ""),
            UNSUPPORTED,
            "larger than",
        ),
        (
            DISK.format(
                "",
                "<iotune><total_bytes_sec>1</total_bytes_sec><read_bytes_sec>1</read_bytes_sec></iotune>",
            ),
            ErrorKind.INVALID_ARG,
            "total and read/write bytes_sec cannot be set at the same time",
        ),
        (
            DISK.format("", "<iotune><read_iops_sec_max>5</read_iops_sec_max></iotune>"),
            UNSUPPORTED,
            "'read_iops_sec_max' cannot be set if 'read_iops_sec' is not set",
        ),
        (
            DISK.format(
                "",
                "<iotune><read_iops_sec>9</read_iops_sec><read_iops_sec_max>5</read_iops_sec_max></iotune>",
            ),
            UNSUPPORTED,
            "cannot be smaller",
        ),
        (
            DISK.format("", "<iotune><total_iops_sec>9999999999999999</total_iops_sec></iotune>"),
            ErrorKind.OVERFLOW,
            "no more than",
        ),
        (SERVED.format("<driver cache='none'/>", ""), UNSUPPORTED, "cache is not supported with vhostuser"),
        (
            DISK.format("<driver type='qcow2'/>", "<shareable/>"),
            UNSUPPORTED,
            "shared access for disk 'vda' requires use of supported storage format",
        ),
        (SERVED.format("", "<readonly/>"), UNSUPPORTED, "readonly is not supported with vhostuser"),
        (
            "<disk type='vhostuser'><source path='/s'/><target dev='vda'/></disk>",
            WRONG,
            "<source type='unix'",
        ),
        (
            DISK.format("", "<boot order='1'/>") + "<interface type='user'><boot order='1'/></interface>",
            UNSUPPORTED,
            "boot order '1' used for more than one device",
        ),
        ("<interface type='network'/>", WRONG, "<source network='…'/>"),
        ("<interface type='vhostuser'/>", WRONG, "<source type='unix' path='…' mode='…'/>"),
        ("<interface type='ethernet'><source dev='eth0'/></interface>", UNSUPPORTED, "type='user'"),
        ("<interface type='ethernet'><backend type='passt'/></interface>", UNSUPPORTED, "'passt' backend"),
        ("<interface type='user'><driver name='vhost'/></interface>", UNSUPPORTED, "TAP device"),
        ("<interface type='user'><driver queues='2'/></interface>", UNSUPPORTED, "Multiqueue"),
        ("<interface type='ethernet'><driver rx_queue_size='3'/></interface>", UNSUPPORTED, "power of two"),
        ("<serial type='unix'/>", WRONG, "Missing source path"),
        ("<serial type='pty'><source mode='bind'/></serial>", UNSUPPORTED, "type='unix'"),
        ("<serial type='null'><source path='/x'/></serial>", UNSUPPORTED, "type='null'"),
        ("<serial type='pty'><target type='virtio'/></serial>", ErrorKind.XML_DETAIL, "a console's"),
        (
            "<console type='pty'><address type='virtio-serial' controller='0'/></console>",
            UNSUPPORTED,
            "<target type='virtio'/>",
        ),
        (
            "<channel type='pty'><target type='virtio' name='a'/></channel>" * 2,
            UNSUPPORTED,
            "channel 'a' is there twice",
        ),
        ("<channel type='file'><target type='virtio'/></channel>", WRONG, "Missing source path"),
        ("<controller type='usb'/>", UNSUPPORTED, "model='none'"),
        ("<controller type='pci' index='1' model='pci-root'/>", UNSUPPORTED, "PCI bus 0"),
        ("<controller type='virtio-serial' index='1'/>" * 2, WRONG, "Multiple 'virtio-serial'"),
        ("<controller type='usb' model='none' ports='3'/>", UNSUPPORTED, "ports needs"),
        ("<memballoon model='none' autodeflate='on'/>", UNSUPPORTED, "model='virtio'"),
        ("<vsock><cid auto='no'/></vsock>", WRONG, "<cid address='…'/>"),
        ("<panic/><panic/>", UNSUPPORTED, "Multiple panic devices"),
        (
            "<rng model='virtio'><backend model='builtin'>/dev/x</backend></rng>",
            UNSUPPORTED,
            "builtin backend has no file",
        ),
        (
            f"<filesystem><driver type='virtiofs'/><source dir='/s'/><target dir='{'t' * 37}'/></filesystem>",
            UNSUPPORTED,
            "longer than 36 bytes",
        ),
    ],
)
def test_contradictions(text: str, kind: ErrorKind, message: str) -> None:
    with pytest.raises(DomainError) as caught:
        devices(text)
    assert message in str(caught.value)
    assert caught.value.kind is kind
