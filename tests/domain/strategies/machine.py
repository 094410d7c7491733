"""Domains, by the parts of the machine outside of <devices>."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from lxml import etree

from kvmctl.domain import Domain, Os, Quirks
from kvmctl.domain.model import BiosEntry, OemString, Sysinfo, SystemEntry
from kvmctl.domain.model.features import AbsentFeature, Apic, Features, FeatureState
from kvmctl.domain.model.os import Bios, Boot, BootMenu, Loader
from kvmctl.domain.model.pm import Pm
from kvmctl.domain.model.seclabel import Seclabel
from tests.domain.strategies.clocks import clocks
from tests.domain.strategies.devices import devices
from tests.domain.strategies.memories import backings, memtunes, numatunes
from tests.domain.strategies.processors import CPU_SETS, cpus, cputunes, states
from tests.domain.strategies.texts import LIFECYCLE, NAMES, ONE_LINE, PATHS, SIZES, SWITCHES, TEXTS


def sysinfos(uuid: UUID | None) -> st.SearchStrategy[Sysinfo]:
    system = [st.builds(SystemEntry, name=st.sampled_from(["manufacturer", "sku"]), text=ONE_LINE)]
    if uuid is not None:
        system.append(st.just(SystemEntry(name="uuid", text=str(uuid).upper())))
    return st.builds(
        Sysinfo,
        bios=st.lists(st.builds(BiosEntry, name=st.just("vendor"), text=ONE_LINE), max_size=2).map(tuple),
        system=st.lists(st.one_of(system), max_size=2).map(tuple),
        oem_strings=st.lists(st.builds(OemString, text=ONE_LINE), max_size=2).map(tuple),
    )


_NO = st.sampled_from([None, "no"])
_ABSENT = st.sampled_from([None, AbsentFeature()])
_STATES = st.none() | st.builds(FeatureState, state=st.booleans())
features = st.builds(
    Features,
    acpi=st.booleans(),
    apic=st.none() | st.builds(Apic, eoi=SWITCHES),
    pae=st.booleans(),
    kvm_hidden=SWITCHES,
    kvm_hint_dedicated=SWITCHES,
    kvm_poll_control=SWITCHES,
    kvm_pv_ipi=SWITCHES,
    pvspinlock=_STATES,
    pmu=_STATES,
    vmport=_ABSENT,
    smm=_ABSENT,
    ioapic_driver=st.sampled_from([None, "kvm"]),
)
_SECLABELS = st.builds(
    Seclabel,
    type=st.just("none"),
    model=st.sampled_from([None, "selinux", "dac"]),
    relabel=_NO,
)


_PARTS = (
    "texts",
    "memory",
    "processors",
    "tuning",
    "boot",
    "behaviour",
    "devices",
)


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Any domain that can run, with what only a running one has: a few parts of it in full.

    All parts together would take longer to draw than to test.
    """
    memory = draw(SIZES)
    vcpus = draw(st.integers(1, 255))
    uuid = draw(st.none() | st.uuids())
    parts: dict[str, Any] = {}
    system = Os()
    with_devices = False
    for part in draw(st.sets(st.sampled_from(_PARTS), min_size=1, max_size=3)):
        match part:
            case "texts":
                parts |= {
                    "id": draw(st.none() | st.integers(0, 2**32 - 1)),
                    "title": draw(st.none() | ONE_LINE),
                    "description": draw(st.none() | TEXTS),
                    "metadata": draw(st.none() | metadata()),
                    "quirks": draw(st.none() | st.builds(Quirks, state=st.booleans())),
                    "seclabels": tuple(draw(st.lists(_SECLABELS, max_size=2))),
                }
            case "memory":
                parts |= {
                    "current_memory": draw(st.none() | st.just(0) | SIZES),
                    "memtune": draw(memtunes),
                    "memory_backing": draw(backings()),
                }
            case "processors":
                current = draw(st.none() | st.integers(1, vcpus))
                cpu = draw(cpus(vcpus, memory))
                parts |= {
                    "vcpu_cpuset": draw(st.none() | CPU_SETS),
                    "vcpus_current": current,
                    "vcpu_states": draw(states(vcpus, current)),
                    "cpu": cpu,
                    "numatune": draw(numatunes(len(cpu.cells))),
                }
            case "tuning":
                parts |= {
                    "cputune": draw(cputunes(vcpus)),
                    "partition": draw(st.none() | PATHS),
                }
            case "boot":
                sysinfo = draw(st.none() | sysinfos(uuid))
                system = draw(systems(with_sysinfo=sysinfo is not None))
                parts |= {"sysinfo": sysinfo, "os": system}
            case "behaviour":
                parts |= {
                    "features": draw(features),
                    "clock": draw(clocks),
                    "on_poweroff": draw(LIFECYCLE),
                    "on_reboot": draw(LIFECYCLE),
                    "on_crash": draw(LIFECYCLE),
                    "pm": draw(st.builds(Pm, suspend_to_mem=_NO, suspend_to_disk=_NO)),
                }
            case "devices":
                with_devices = True
    if with_devices:
        parts["devices"] = draw(devices(pci=system.machine != "microvm"))
    else:
        boots = draw(st.lists(st.sampled_from(["hd", "cdrom", "network", "fd"]), max_size=2))
        parts["os"] = replace(system, boots=tuple(Boot(dev=dev) for dev in boots))
    return Domain(name=draw(NAMES), uuid=uuid, memory=memory, vcpus=vcpus, **parts)


_UNSURE = st.none() | st.booleans()
LOADERS = st.builds(Loader, path=PATHS, readonly=_UNSURE, type=st.sampled_from([None, "rom"]))
MENUS = st.builds(BootMenu, enable=st.booleans(), timeout=st.none() | st.integers(0, 65535))
BIOSES = st.builds(Bios, useserial=_UNSURE, reboot_timeout=st.integers(-1, 32767))


@st.composite
def systems(draw: st.DrawFn, *, with_sysinfo: bool) -> Os:
    kernel = draw(st.none() | PATHS)
    with_kernel = st.none() if kernel is None else st.none() | PATHS
    return Os(
        machine=draw(st.sampled_from([None, "pc", "pc-i440fx-7.2", "pc-1.0", "microvm", "kvmctl"])),
        kernel=kernel,
        initrd=draw(with_kernel),
        cmdline=draw(st.none() if kernel is None else st.none() | TEXTS),
        loader=draw(st.none() | LOADERS),
        bootmenu=draw(st.none() | MENUS),
        bios=draw(st.none() | BIOSES),
        smbios=draw(st.sampled_from([None, "emulate", *(["sysinfo"] if with_sysinfo else [])])),
    )


@st.composite
def metadata(draw: st.DrawFn) -> str:
    """As lxml writes it: the form in which metadata is kept."""
    root = etree.Element("metadata")
    for namespace, text in draw(st.lists(st.tuples(st.sampled_from(["urn:a", "urn:b"]), TEXTS), max_size=2)):
        etree.SubElement(root, f"{{{namespace}}}item", kind=text).text = text
    return etree.tostring(root, encoding="unicode")
