"""What the machine offers to its firmware in fw_cfg (SeaBIOS docs/Runtime_config.md)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from kvmctl.vmm import firmware
from kvmctl.vmm.boot import BootError, acpi, smbios, tableloader
from kvmctl.vmm.boot.source import FileSource
from kvmctl.vmm.bootorder import bootorder
from kvmctl.vmm.devices import fwcfg, serial
from kvmctl.vmm.kvm.vm import RESERVED

if TYPE_CHECKING:
    from kvmctl.domain import Domain
    from kvmctl.vmm.memory import GuestMemory

_E820: Final = struct.Struct("<QQI")
_RAM: Final = 1
_RESERVED: Final = 2
_CARD_ROM: Final = "pci1af4,1041.rom"
"""SeaBIOS runs it for each function with these numbers: virtio 1.2, 4.1.2.1, a network card."""
_MOST_ROM: Final = 128 << 10
_NO_REBOOT: Final = 0xFFFF_FFFF


def files(domain: Domain, memory: GuestMemory, netboot_fd: int | None = None) -> dict[str, bytes]:
    """By name; `netboot_fd` is the option ROM for virtio network cards."""
    result = {
        "etc/e820": _memory_map(memory),
        "bootorder": bootorder(domain),
        "etc/boot-fail-wait": _reboot_timeout(domain).to_bytes(4, "little"),
        **_smbios_files(domain),
    }
    if firmware.has_acpi(domain):
        tables: dict[int, bytes] = {}
        acpi.build(firmware.board(domain), tables.__setitem__)
        result |= tableloader.files(tables)
    menu = domain.os.bootmenu
    if menu is not None and menu.enable and menu.timeout is not None:
        result["etc/boot-menu-wait"] = menu.timeout.to_bytes(2, "little")
    if netboot_fd is not None:
        result[_CARD_ROM] = _option_rom(netboot_fd)
    if _on_serial(domain):
        result["etc/sercon-port"] = serial.PORTS[0][0].to_bytes(2, "little")
    return result


def numbers(domain: Domain) -> dict[int, int]:
    """What firmwares know by key."""
    menu = domain.os.bootmenu
    return {
        fwcfg.KEY_CPUS: len(domain.present_vcpus),
        fwcfg.KEY_MAX_CPUS: max(processor.apic_id for processor in firmware.board(domain).processors) + 1,
        fwcfg.KEY_BOOT_MENU: int(menu is not None and menu.enable),
    }


def _memory_map(memory: GuestMemory) -> bytes:
    """The firmware itself cuts out what it takes below 1 MiB."""
    ram = [_E820.pack(address, size, _RAM) for address, size in memory.e820()]
    return b"".join(ram) + _E820.pack(*RESERVED, _RESERVED)


def _option_rom(descriptor: int) -> bytes:
    source = FileSource(descriptor, "option ROM")
    if source.size > _MOST_ROM:
        raise BootError(f"the option ROM has {source.size} bytes, {_MOST_ROM} fit below the firmware")
    return source.read(0, source.size)


def _smbios_files(domain: Domain) -> dict[str, bytes]:
    written: dict[int, bytes] = {}
    anchor = smbios.build(firmware.identity(domain), written.__setitem__)
    entry_point = written.pop(anchor)
    (tables,) = written.values()
    return {"etc/smbios/smbios-anchor": entry_point, "etc/smbios/smbios-tables": tables}


def _reboot_timeout(domain: Domain) -> int:
    """Milliseconds; for ever where nothing is said, as QEMU has it."""
    bios = domain.os.bios
    timeout = -1 if bios is None or bios.reboot_timeout is None else bios.reboot_timeout
    return timeout & _NO_REBOOT


def _on_serial(domain: Domain) -> bool:
    """There is no other screen, so that only useserial='no' keeps the firmware off the serial port."""
    bios = domain.os.bios
    wanted = bios is None or bios.useserial is not False
    ports = [0 if chardev.target_port is None else chardev.target_port for chardev in domain.devices.serials]
    return wanted and 0 in ports
