"""The XML of virConnectGetDomainCapabilities (libvirt, docs/formatdomaincaps): what a domain here can
have."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from lxml import etree

from kvmctl.domain.binding import choices
from kvmctl.domain.model import Channel, Disk, Filesystem, MemoryBacking, Rng
from kvmctl.domain.model.os import Loader
from kvmctl.driver.capabilities import MACHINE, MACHINES, vcpu_limit
from kvmctl.driver.emulator import emulator_path
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.host import firmware, kvm
from kvmctl.host.cpumodel import MODELS, CpuError, HostCpu, Model, Wish, choose, described

_VIRT_TYPES = [
    "none",
    "qemu",
    "kqemu",
    "kvm",
    "xen",
    "lxc",
    "uml",
    "openvz",
    "test",
    "vmware",
    "hyperv",
    "vbox",
    "phyp",
    "parallels",
    "bhyve",
    "vz",
    "hvf",
]
_ARCHES = [
    "alpha",
    "armv6l",
    "armv7l",
    "armv7b",
    "aarch64",
    "cris",
    "i686",
    "ia64",
    "lm32",
    "loongarch64",
    "m68k",
    "microblaze",
    "microblazeel",
    "mips",
    "mipsel",
    "mips64",
    "mips64el",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppcemb",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "unicore32",
    "x86_64",
    "xtensa",
    "xtensaeb",
]

# In the order of libvirt's schema: what has enumerations runs, and they are those of the declarations.
_DEVICES: Final[dict[str, dict[str, tuple[type[Any], str]]]] = {
    "disk": {"diskDevice": (Disk, "@device"), "bus": (Disk, "target/@bus")},
    "graphics": {},
    "video": {},
    "hostdev": {},
    "rng": {"model": (Rng, "@model"), "backendModel": (Rng, "backend/@model")},
    "filesystem": {"driverType": (Filesystem, "driver/@type")},
    "tpm": {},
    "redirdev": {},
    "channel": {"type": (Channel, "@type")},
}
_FEATURES: Final = ("gic", "vmcoreinfo", "genid", "backingStoreInput", "backup", "sev", "sgx")
_MIGRATABLE: Final = {"host-passthrough": "hostPassthroughMigratable", "maximum": "maximumMigratable"}


def domain_capabilities_xml(
    emulator: str | None, arch: str | None, machine: str | None, virt_type: str | None
) -> str:
    """Refuses arguments that no domain of this driver could have, as libvirt's qemu driver words it."""
    _check(emulator, arch, machine, virt_type)
    limit = vcpu_limit()
    root = etree.Element("domainCapabilities")
    etree.SubElement(root, "path").text = emulator or emulator_path()
    etree.SubElement(root, "domain").text = "kvm"
    etree.SubElement(root, "machine").text = machine or MACHINE
    etree.SubElement(root, "arch").text = "x86_64"
    etree.SubElement(root, "vcpu", max=str(limit))
    etree.SubElement(root, "iothreads", supported="no")
    system = etree.SubElement(root, "os", supported="yes")
    _loader(system)
    _processor(etree.SubElement(root, "cpu"))
    memory = etree.SubElement(root, "memoryBacking", supported="yes")
    _enumeration(memory, "sourceType", choices(MemoryBacking, "source/@type"))
    devices = etree.SubElement(root, "devices")
    for device, enumerations in _DEVICES.items():
        element = etree.SubElement(devices, device, supported="yes" if enumerations else "no")
        for name, (declaring, path) in enumerations.items():
            _enumeration(element, name, choices(declaring, path))
    features = etree.SubElement(root, "features")
    for feature in _FEATURES:
        etree.SubElement(features, feature, supported="no")
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def _loader(system: etree._Element) -> None:
    """The firmware for domains without a kernel; a <loader> of the domain's own is possible in any case."""
    loader = etree.SubElement(system, "loader", supported="yes")
    path = firmware.bios()
    if Path(path).exists():
        etree.SubElement(loader, "value").text = path
    _enumeration(loader, "type", choices(Loader, "@type"))
    _enumeration(loader, "readonly", ("yes", "no"))
    _enumeration(loader, "secure", ("no",))


def _enumeration(parent: etree._Element, name: str, values: Iterable[str]) -> None:
    enumeration = etree.SubElement(parent, "enum", name=name)
    for value in values:
        etree.SubElement(enumeration, "value").text = value


def _processor(parent: etree._Element) -> None:
    """The modes of <cpu>, and which of libvirt's models this host can give."""
    host = kvm.host_cpu()
    for mode, migratable in _MIGRATABLE.items():
        element = etree.SubElement(parent, "mode", name=mode, supported="yes")
        _enumeration(element, migratable, ("on", "off"))
    name, policies = described(choose(Wish(mode="host-model"), host), host)
    element = etree.SubElement(parent, "mode", name="host-model", supported="yes")
    etree.SubElement(element, "model", fallback="forbid").text = name
    if host.vendor is not None:
        etree.SubElement(element, "vendor").text = host.vendor
    for feature, policy in policies.items():
        etree.SubElement(element, "feature", policy=policy, name=feature)
    element = etree.SubElement(parent, "mode", name="custom", supported="yes")
    for model in MODELS.values():
        usable = "yes" if _is_usable(model, host) else "no"
        etree.SubElement(element, "model", usable=usable, vendor=model.vendor or "unknown").text = model.name


def _is_usable(model: Model, host: HostCpu) -> bool:
    try:
        choose(Wish(mode="custom", model=model.name, check="partial"), host)
    except CpuError:
        return False
    return True


def _check(emulator: str | None, arch: str | None, machine: str | None, virt_type: str | None) -> None:
    if virt_type is not None and virt_type not in _VIRT_TYPES:
        raise failure(ErrorCode.INVALID_ARG, f"unknown virttype: {virt_type}")
    if arch is not None and arch not in _ARCHES:
        raise failure(ErrorCode.INVALID_ARG, f"unknown architecture: {arch}")
    if virt_type not in (None, "kvm"):
        raise failure(
            ErrorCode.INVALID_ARG,
            f"the virttype '{virt_type}' is not supported by this driver, only 'kvm' is",
        )
    if arch not in (None, "x86_64"):
        raise failure(
            ErrorCode.INVALID_ARG,
            f"the architecture '{arch}' is not supported by this driver, only 'x86_64' is",
        )
    if emulator is not None and not os.access(emulator, os.X_OK):
        raise failure(ErrorCode.INVALID_ARG, f"the emulator '{emulator}' is not an executable file")
    if machine is not None and machine not in MACHINES:
        path = emulator or emulator_path()
        raise failure(ErrorCode.INVALID_ARG, f"the machine '{machine}' is not supported by emulator '{path}'")
