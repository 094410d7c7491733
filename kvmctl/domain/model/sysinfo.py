"""formatdomain, "SMBIOS System Information"."""

from dataclasses import dataclass

from kvmctl.domain.binding import many, value
from kvmctl.domain.codecs import LINE, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosEntry:
    name: str = value("@name", choice("vendor", "version", "date", "release"))
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEntry:
    name: str = value(
        "@name", choice("manufacturer", "product", "version", "serial", "uuid", "sku", "family")
    )
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OemString:
    text: str = value(".", LINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysinfo:
    """formatdomain, "SMBIOS System Information": what the guest's firmware tables say."""

    type: str = value("@type", choice("smbios"), default="smbios", stated=True)
    bios: tuple[BiosEntry, ...] = many("bios/entry", BiosEntry)
    system: tuple[SystemEntry, ...] = many("system/entry", SystemEntry)
    oem_strings: tuple[OemString, ...] = many("oemStrings/entry", OemString)
