"""Domains, by the parts of the machine outside of <devices>."""

from uuid import UUID

from hypothesis import strategies as st
from lxml import etree

from kvmctl.domain import Domain, Os, Quirks
from kvmctl.domain.model import BiosEntry, OemString, Sysinfo, SystemEntry
from kvmctl.domain.model.features import AbsentFeature, Features, FeatureState
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
    apic=st.booleans(),
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


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Any domain that can run, with what only a running one has."""
    memory = draw(SIZES)
    vcpus = draw(st.integers(1, 255))
    current = draw(st.none() | st.integers(1, vcpus))
    cpu = draw(st.none() | cpus(vcpus, memory))
    kernel = draw(st.none() | PATHS)
    with_kernel = st.none() if kernel is None else st.none() | PATHS
    uuid = draw(st.none() | st.uuids())
    sysinfo = draw(st.none() | sysinfos(uuid))
    return Domain(
        id=draw(st.none() | st.integers(0, 2**32 - 1)),
        name=draw(NAMES),
        uuid=uuid,
        title=draw(st.none() | ONE_LINE),
        description=draw(st.none() | TEXTS),
        metadata=draw(st.none() | metadata()),
        memory=memory,
        current_memory=draw(st.none() | st.just(0) | SIZES),
        memtune=draw(memtunes),
        memory_backing=draw(backings()),
        vcpus=vcpus,
        vcpu_cpuset=draw(st.none() | CPU_SETS),
        vcpus_current=current,
        vcpu_states=draw(states(vcpus, current)),
        cputune=draw(cputunes(vcpus)),
        numatune=draw(numatunes(len(cpu.cells) if cpu else 0)),
        partition=draw(st.none() | PATHS),
        sysinfo=sysinfo,
        os=Os(
            machine=draw(st.sampled_from([None, "pc", "pc-i440fx-7.2", "pc-1.0", "microvm", "kvmctl"])),
            kernel=kernel,
            initrd=draw(with_kernel),
            cmdline=draw(st.none() if kernel is None else st.none() | TEXTS),
            smbios=draw(st.sampled_from([None, "emulate", *(["sysinfo"] if sysinfo else [])])),
        ),
        features=draw(features),
        cpu=cpu,
        clock=draw(clocks),
        on_poweroff=draw(LIFECYCLE),
        on_reboot=draw(LIFECYCLE),
        on_crash=draw(LIFECYCLE),
        pm=draw(st.builds(Pm, suspend_to_mem=_NO, suspend_to_disk=_NO)),
        devices=draw(devices()),
        seclabels=tuple(draw(st.lists(_SECLABELS, max_size=2))),
        quirks=draw(st.none() | st.builds(Quirks, state=st.booleans())),
    )


@st.composite
def metadata(draw: st.DrawFn) -> str:
    """As lxml writes it: the form in which metadata is kept."""
    root = etree.Element("metadata")
    for namespace, text in draw(st.lists(st.tuples(st.sampled_from(["urn:a", "urn:b"]), TEXTS), max_size=2)):
        etree.SubElement(root, f"{{{namespace}}}item", kind=text).text = text
    return etree.tostring(root, encoding="unicode")
