"""Documents to objects: every supported field, libvirt's units, the defaults of what is not said."""

import dataclasses
from uuid import UUID

import pytest

import kvmctl.domain
from kvmctl.domain import (
    Clock,
    Devices,
    Domain,
    DomainError,
    ErrorKind,
    Os,
)
from kvmctl.domain.model import (
    AbsentFeature,
    Apic,
    BiosEntry,
    Cpu,
    CpuCache,
    CpuFeature,
    Cputune,
    EmulatorPin,
    EmulatorSched,
    Features,
    FeatureState,
    HugePage,
    Hugepages,
    MaxPhysAddr,
    Memnode,
    MemoryBacking,
    Memtune,
    NumaCell,
    Numatune,
    OemString,
    Pm,
    Seclabel,
    Sibling,
    Sysinfo,
    SystemEntry,
    Timer,
    Topology,
    VcpuPin,
    VcpuSched,
    VcpuState,
)
from kvmctl.domain.model.os import BootMenu
from tests.domain.documents import FULL, SMALL, small


def test_every_field() -> None:
    expected = Domain(
        id=7,
        name="full guest",
        uuid=UUID("6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11"),
        title="A title",
        description="Two\nlines & more",
        metadata=FULL[FULL.index("<metadata>") : FULL.index("</metadata>")] + "</metadata>",
        memory=256 << 20,
        current_memory=128 << 20,
        memtune=Memtune(hard_limit=1 << 30, soft_limit=512 << 20, swap_hard_limit=2 << 30),
        memory_backing=MemoryBacking(
            hugepages=Hugepages(pages=(HugePage(size=2 << 20, nodeset=frozenset({0})),)),
            nosharepages=True,
            locked=True,
            source_type="memfd",
            access_mode="shared",
            allocation_mode="immediate",
            allocation_threads=2,
            discard=True,
        ),
        vcpus=2,
        vcpu_cpuset=frozenset({0, 1, 2, 3, 8}),
        vcpus_current=1,
        vcpu_states=(
            VcpuState(id=0, enabled=True, hotpluggable=False, order=1),
            VcpuState(id=1, enabled=False, hotpluggable=True),
        ),
        cputune=Cputune(
            shares=2048,
            period=100_000,
            quota=-1,
            global_period=100_000,
            global_quota=200_000,
            emulator_period=50_000,
            emulator_quota=25_000,
            vcpupins=(
                VcpuPin(vcpu=0, cpuset=frozenset({0})),
                VcpuPin(vcpu=1, cpuset=frozenset({1, 2})),
            ),
            emulatorpin=EmulatorPin(cpuset=frozenset({3})),
            emulatorsched=EmulatorSched(scheduler="batch"),
            vcpuscheds=(VcpuSched(vcpus=frozenset({0, 1}), scheduler="fifo", priority=1),),
        ),
        numatune=Numatune(
            mode="strict",
            nodeset=frozenset({0}),
            memnodes=(Memnode(cellid=0, mode="preferred", nodeset=frozenset({0, 1})),),
        ),
        partition="/machine/production",
        sysinfo=Sysinfo(
            bios=(BiosEntry(name="vendor", text="A vendor"),),
            system=(
                SystemEntry(name="manufacturer", text="A maker"),
                SystemEntry(name="uuid", text="6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11"),
            ),
            oem_strings=(OemString(text="a string"),),
        ),
        os=Os(
            machine="pc",
            kernel="/boot/vmlinuz",
            initrd="/boot/initrd.img",
            cmdline="console=ttyS0 quiet",
            bootmenu=BootMenu(enable=False),
            smbios="sysinfo",
        ),
        features=Features(
            acpi=True,
            apic=Apic(eoi=False),
            pae=True,
            kvm_hidden=True,
            kvm_hint_dedicated=False,
            kvm_poll_control=True,
            kvm_pv_ipi=True,
            pvspinlock=FeatureState(state=True),
            pmu=FeatureState(state=False),
            vmport=AbsentFeature(),
            smm=AbsentFeature(),
            ioapic_driver="kvm",
        ),
        cpu=Cpu(
            mode="custom",
            match="exact",
            check="partial",
            model="Skylake-Server",
            fallback="forbid",
            vendor_id="KVMCTL  GOOD",
            vendor="Intel",
            topology=Topology(sockets=1, dies=1, cores=2, threads=1),
            cache=CpuCache(level=3, mode="emulate"),
            maxphysaddr=MaxPhysAddr(mode="emulate", bits=42),
            features=(
                CpuFeature(policy="disable", name="avx512f"),
                CpuFeature(policy="require", name="invtsc"),
            ),
            cells=(
                NumaCell(
                    id=0,
                    cpus=frozenset({0}),
                    memory=128 << 20,
                    mem_access="shared",
                    discard=True,
                    distances=(Sibling(id=0, value=10), Sibling(id=1, value=21)),
                ),
                NumaCell(
                    id=1,
                    cpus=frozenset({1}),
                    memory=128 << 20,
                    distances=(Sibling(id=0, value=21), Sibling(id=1, value=10)),
                ),
            ),
        ),
        clock=Clock(
            offset="variable",
            adjustment=-3600,
            basis="localtime",
            timers=(
                Timer(name="rtc", present=True, tickpolicy="catchup", track="wall"),
                Timer(name="pit", tickpolicy="delay"),
                Timer(name="hpet", present=False),
                Timer(name="kvmclock", present=False),
                Timer(name="tsc", frequency=2_000_000_000),
            ),
        ),
        on_poweroff="preserve",
        on_reboot="destroy",
        on_crash="restart",
        pm=Pm(suspend_to_mem="no", suspend_to_disk="no"),
        seclabels=(Seclabel(type="none", model="none"),),
    )
    assert dataclasses.replace(kvmctl.domain.parse(FULL), devices=Devices()) == expected


def test_what_is_not_said() -> None:
    assert kvmctl.domain.parse(SMALL) == Domain(name="g", memory=1 << 20)


@pytest.mark.parametrize(
    ("number", "unit", "size"),
    [
        ("1024", None, 1 << 20),
        ("1", "b", 1024),
        ("1025", "bytes", 2048),
        ("4096", "BYTE", 4096),
        ("1", "KB", 1024),
        ("1000", "kb", 1000448),
        ("1", "k", 1024),
        ("1", "K", 1024),
        ("1", "KiB", 1024),
        ("1", "kib", 1024),
        ("1", "MB", 1000448),
        ("1", "M", 1 << 20),
        ("1", "MiB", 1 << 20),
        ("1", "GB", 1000000512),
        ("2", "g", 2 << 30),
        ("1", "GiB", 1 << 30),
        ("1", "TB", 1000000000512 // 1024 * 1024),
        ("1", "TiB", 1 << 40),
        ("1", "P", 1 << 50),
        ("1", "PB", 10**15),
        ("15", "EiB", 15 << 60),
        ("007", "KiB", 7 << 10),
    ],
)
def test_units(number: str, unit: str | None, size: int) -> None:
    attribute = "" if unit is None else f" unit='{unit}'"
    text = SMALL.replace("<memory>1024", f"<memory{attribute}>{number}")
    assert kvmctl.domain.parse(text).memory == -(-size // 1024) * 1024


@pytest.mark.parametrize(
    ("number", "unit", "kind"),
    [
        ("1", "X", ErrorKind.INVALID_ARG),
        ("1", "KiBs", ErrorKind.INVALID_ARG),
        ("1", "", ErrorKind.INVALID_ARG),
        ("16", "E", ErrorKind.OVERFLOW),
        ("18446744073709551615", "KiB", ErrorKind.OVERFLOW),
        ("18446744073709551616", "b", ErrorKind.OVERFLOW),
        ("9" * 100_000, "b", ErrorKind.OVERFLOW),
        ("-1", "KiB", ErrorKind.XML_DETAIL),
        ("+1", "KiB", ErrorKind.XML_DETAIL),
        ("1.5", "GiB", ErrorKind.XML_DETAIL),
        (" 1", "GiB", ErrorKind.XML_DETAIL),
        ("", "GiB", ErrorKind.XML_DETAIL),
        ("\u0661", "GiB", ErrorKind.XML_DETAIL),
    ],
)
def test_no_sizes(number: str, unit: str, kind: ErrorKind) -> None:
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.parse(SMALL.replace("<memory>1024", f"<memory unit='{unit}'>{number}"))
    assert caught.value.kind is kind
    assert (caught.value.path or "").startswith("/domain/memory")


def test_order_and_layout_do_not_matter() -> None:
    text = """<?xml version="1.0"?><!-- a --><domain type="kvm">
      <os><cmdline>a<!-- b -->c</cmdline><type>hvm</type><kernel><![CDATA[/k]]></kernel></os>
      <?hint?><memory unit='MiB'>1</memory><name>g</name></domain><!-- c -->"""
    expected = Domain(name="g", memory=1 << 20, os=Os(kernel="/k", cmdline="ac"))
    assert kvmctl.domain.parse(text) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str) -> None:
    text = SMALL.replace(">g<", ">gäst<")
    if encoding in ("iso-8859-1", "windows-1252"):
        text = f"<?xml version='1.0' encoding='{encoding}'?>{text}"
    assert kvmctl.domain.parse(text.encode(encoding)).name == "gäst"
    assert kvmctl.domain.parse(text).name == "gäst"


def test_namespaces_of_metadata_come_along() -> None:
    text = small("<metadata><x:a/></metadata>").replace("<domain", "<domain xmlns:x='urn:x'")
    domain = kvmctl.domain.parse(text)
    assert kvmctl.domain.parse(kvmctl.domain.format(domain)) == domain
    assert domain.metadata is not None and "urn:x" in domain.metadata


def test_a_uuid_without_hyphens() -> None:
    uuid = UUID("6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11")
    assert kvmctl.domain.parse(small(f"<uuid>{uuid.hex.upper()}</uuid>")).uuid == uuid


@pytest.mark.parametrize("console", ["<console/>", "<console tty='/dev/pts/1'/>", "<console type='pty'/>"])
def test_consoles_of_older_documents(console: str) -> None:
    assert kvmctl.domain.parse(small(devices=console)).devices.consoles[0].source_type == "pty"
