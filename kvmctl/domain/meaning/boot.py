"""What is booted, and what its firmware tables say."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain


def check(domain: Domain) -> Iterator[Finding]:
    yield from _boot(domain)
    yield from _sysinfo(domain)


def _boot(domain: Domain) -> Iterator[Finding]:
    if domain.os.kernel is None:
        for name in ("initrd", "cmdline"):
            if getattr(domain.os, name) is not None:
                message = f"<{name}> needs a <kernel> beside it"
                yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"/domain/os/{name}")
    if domain.os.boots and boots_by_device(domain):
        message = "per-device boot elements cannot be used together with os/boot elements"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/os/boot")


def boots_by_device(domain: Domain) -> bool:
    """Whether devices have a boot order of their own."""
    orders = [disk.boot_order for disk in domain.devices.disks]
    orders += [interface.boot_order for interface in domain.devices.interfaces]
    return any(order is not None for order in orders)


def boots_from_network(domain: Domain) -> bool:
    cards = domain.devices.interfaces
    by_kind = bool(cards) and any(boot.dev == "network" for boot in domain.os.boots)
    return by_kind or any(card.boot_order is not None for card in cards)


def _sysinfo(domain: Domain) -> Iterator[Finding]:
    if domain.sysinfo is None:
        if domain.os.smbios == "sysinfo":
            message = "smbios mode='sysinfo' needs a <sysinfo type='smbios'>"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/os/smbios/@mode")
        return
    for index, entry in enumerate(domain.sysinfo.system):
        if entry.name == "uuid" and entry.text.lower() != str(domain.uuid):
            path = numbered("/domain/sysinfo/system/entry", index)
            yield Finding(ErrorKind.XML_DETAIL, "UUID mismatch between <uuid> and <sysinfo>", path)
