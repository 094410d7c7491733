"""The XML of virConnectGetCapabilities and virConnectGetSysinfo (libvirt, docs/formatcaps and
docs/formatdomain, "SMBIOS")."""

from pathlib import Path

from lxml import etree

from kvmctl.domain import MOST_VCPUS
from kvmctl.driver.emulator import emulator_path
from kvmctl.driver.errors import system_failure
from kvmctl.host import cpu, hugepages, kvm
from kvmctl.host.cpumodel import OURS, contained

MACHINE = "pc"
MACHINES = ("pc", "microvm", "kvmctl")
_PAGE_KIB = 4


def vcpu_limit() -> int:
    """The most vCPUs a domain can have here. Raises VIR_ERR_SYSTEM_ERROR when KVM cannot be used."""
    try:
        return min(kvm.limits().max_vcpus, MOST_VCPUS)
    except OSError as error:
        raise system_failure(error, f"cannot use '{kvm.DEVICE}'") from error


def _text(parent: etree._Element, tag: str, text: str, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _serialise(root: etree._Element) -> str:
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def capabilities_xml() -> str:
    root = etree.Element("capabilities")
    _host(etree.SubElement(root, "host"))
    if kvm.available():
        _guest(etree.SubElement(root, "guest"))
    return _serialise(root)


def _host(host: etree._Element) -> None:
    uuid = _host_uuid()
    if uuid:
        _text(host, "uuid", uuid)
    model = cpu.model()
    topology = cpu.topology()
    element = etree.SubElement(host, "cpu")
    _text(element, "arch", cpu.arch())
    features = _model(element)
    if model.vendor:
        vendors = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon"}
        _text(element, "vendor", vendors.get(model.vendor, model.vendor))
    if model.microcode:
        etree.SubElement(element, "microcode", version=str(int(model.microcode, 16)))
    etree.SubElement(
        element,
        "topology",
        sockets=str(topology.sockets_per_node),
        dies="1",
        cores=str(topology.cores_per_socket),
        threads=str(topology.threads_per_core),
    )
    for name in features:
        etree.SubElement(element, "feature", name=name)
    for size in (_PAGE_KIB, *sorted(size // 1024 for size in hugepages.pools())):
        etree.SubElement(element, "pages", unit="KiB", size=str(size))
    etree.SubElement(host, "power_management")
    etree.SubElement(host, "iommu", support="yes" if any(Path("/sys/class/iommu").glob("*")) else "no")
    cells = etree.SubElement(etree.SubElement(host, "topology"), "cells", num=str(len(topology.nodes)))
    for node in topology.nodes:
        cell = etree.SubElement(cells, "cell", id=str(node.number))
        _text(cell, "memory", str(node.memory // 1024), unit="KiB")
        cpus = etree.SubElement(cell, "cpus", num=str(len(node.cpus)))
        for processor in node.cpus:
            etree.SubElement(
                cpus,
                "cpu",
                id=str(processor.number),
                socket_id=str(processor.socket),
                die_id=str(processor.die),
                core_id=str(processor.core),
                siblings=processor.siblings,
            )


def _model(element: etree._Element) -> list[str]:
    """The named model of the host's processor; what it has beyond that, as far as KVM can be asked."""
    try:
        host = kvm.host_cpu()
    except OSError:
        return []
    model = contained(host)
    _text(element, "model", model.name)
    return sorted(host.features - OURS - model.features)


def _host_uuid() -> str | None:
    """The SMBIOS uuid if it can be read, else the machine id, which is as long (machine-id(5))."""
    for file in ("/sys/class/dmi/id/product_uuid", "/etc/machine-id"):
        try:
            digits = Path(file).read_text().strip().replace("-", "").lower()
        except OSError:
            continue
        if len(digits) == 32:
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return None


def _guest(guest: etree._Element) -> None:
    limit = str(vcpu_limit())
    _text(guest, "os_type", "hvm")
    arch = etree.SubElement(guest, "arch", name="x86_64")
    _text(arch, "wordsize", "64")
    _text(arch, "emulator", emulator_path())
    for machine in MACHINES:
        _text(arch, "machine", machine, maxCpus=limit)
    etree.SubElement(arch, "domain", type="kvm")
    features = etree.SubElement(guest, "features")
    etree.SubElement(features, "acpi", default="on", toggle="yes")
    etree.SubElement(features, "apic", default="on", toggle="no")
    etree.SubElement(features, "cpuselection")


def sysinfo_xml(blocks: dict[str, dict[str, str]]) -> str:
    root = etree.Element("sysinfo", type="smbios")
    for block, entries in blocks.items():
        element = etree.SubElement(root, block)
        for name, value in entries.items():
            _text(element, "entry", value, name=name)
    return _serialise(root)
