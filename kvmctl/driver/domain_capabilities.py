"""The XML of virConnectGetDomainCapabilities (libvirt, docs/formatdomaincaps): what a domain here can
have."""

import os

from lxml import etree

from kvmctl.driver.capabilities import MACHINE, MACHINES, vcpu_limit
from kvmctl.driver.emulator import emulator_path
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode

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

# A device that runs, with the values of its enumerations; the others do not.
_DEVICES: dict[str, dict[str, tuple[str, ...]]] = {
    "disk": {"diskDevice": ("disk",), "bus": ("virtio",)},
    "graphics": {},
    "video": {},
    "hostdev": {},
    "rng": {"model": ("virtio",), "backendModel": ("random",)},
    "filesystem": {},
    "tpm": {},
    "redirdev": {},
    "channel": {},
}
_ABSENT_FEATURES = ("gic", "genid", "sev", "sgx")


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
    etree.SubElement(system, "loader", supported="no")
    processor = etree.SubElement(root, "cpu")
    for mode in ("host-passthrough", "maximum", "host-model", "custom"):
        etree.SubElement(processor, "mode", name=mode, supported="no")
    etree.SubElement(root, "memoryBacking", supported="no")
    devices = etree.SubElement(root, "devices")
    for device, enumerations in _DEVICES.items():
        element = etree.SubElement(devices, device, supported="yes" if enumerations else "no")
        for name, values in enumerations.items():
            enumeration = etree.SubElement(element, "enum", name=name)
            for value in values:
                etree.SubElement(enumeration, "value").text = value
    features = etree.SubElement(root, "features")
    for feature in _ABSENT_FEATURES:
        etree.SubElement(features, feature, supported="no")
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


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
