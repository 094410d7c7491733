"""Domains, by the parts of the machine outside of <devices>."""

from uuid import UUID

from hypothesis import strategies as st
from lxml import etree

from kvmctl.domain import Clock, Domain, Os, Quirks
from kvmctl.domain.model import BiosEntry, OemString, Sysinfo, SystemEntry
from tests.domain.strategies.devices import devices
from tests.domain.strategies.texts import LIFECYCLE, NAMES, ONE_LINE, PATHS, SIZES, TEXTS


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


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Any domain that can run, with what only a running one has."""
    memory = draw(SIZES)
    vcpus = draw(st.integers(1, 255))
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
        vcpus=vcpus,
        vcpus_current=draw(st.none() | st.integers(1, vcpus)),
        sysinfo=sysinfo,
        os=Os(
            machine=draw(st.sampled_from([None, "pc", "kvmctl"])),
            kernel=kernel,
            initrd=draw(with_kernel),
            cmdline=draw(st.none() if kernel is None else st.none() | TEXTS),
            smbios=draw(st.sampled_from([None, "emulate", *(["sysinfo"] if sysinfo else [])])),
        ),
        features=tuple(name for name in ("acpi", "apic", "pae") if draw(st.booleans())),
        clock=Clock(offset=draw(st.sampled_from(["utc", "localtime"]))),
        on_poweroff=draw(LIFECYCLE),
        on_reboot=draw(LIFECYCLE),
        on_crash=draw(LIFECYCLE),
        devices=draw(devices()),
        quirks=draw(st.none() | st.builds(Quirks, state=st.booleans())),
    )


@st.composite
def metadata(draw: st.DrawFn) -> str:
    """As lxml writes it: the form in which metadata is kept."""
    root = etree.Element("metadata")
    for namespace, text in draw(st.lists(st.tuples(st.sampled_from(["urn:a", "urn:b"]), TEXTS), max_size=2)):
        etree.SubElement(root, f"{{{namespace}}}item", kind=text).text = text
    return etree.tostring(root, encoding="unicode")
