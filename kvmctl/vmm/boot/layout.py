"""Where the boot code puts what in the first MiB.

Linux asks only that the zero page, the command line, the GDT and the page tables lie in memory that the
e820 map calls RAM and that the kernel image does not cover (Documentation/arch/x86/boot.rst, "64-bit Boot
Protocol"); the kernel reserves and copies them early.
"""

from __future__ import annotations

from typing import Final

PAGE_SIZE: Final = 4096

GDT: Final = 0x500
ZERO_PAGE: Final = 0x7000
BOOT_STACK_TOP: Final = 0x9000
PAGE_TABLES: Final = 0x9000
"""PML4, PDPT, then four page directories."""
COMMAND_LINE: Final = 0x20000
COMMAND_LINE_MAX: Final = 0x10000
BOOT_INFO: Final = 0x20000
"""Of a flat guest, which has neither zero page nor separate command line."""
STRUCTURES_END: Final = COMMAND_LINE + COMMAND_LINE_MAX

EBDA: Final = 0x9FC00
VGA_HOLE: Final = 0xA0000
ACPI_TABLES: Final = 0xE0000
ACPI_NVS: Final = 0xEF000
"""Memory that the operating system keeps across sleep: the FACS."""
BIOS: Final = 0xF0000
RSDP: Final = BIOS
"""Where a search of the BIOS area finds it, too (ACPI specification 6.5, 5.2.5.1)."""
SMBIOS: Final = 0xF0040
HIGH_MEMORY: Final = 0x100000
FLAT_STACK_TOP: Final = 0x9F000
