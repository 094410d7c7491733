"""The page-table walk: sizes, rights, faults, accessed and dirty flags (Intel SDM volume 3, chapter 4)."""

from __future__ import annotations

import pytest

from kvmctl.vmm.emulator.fault import Vector

from .fake import PRESENT, USER, WRITABLE, Guest

LOAD = "f3480fb806"  # popcnt rax, [rsi]
STORE = "0fae1e"  # stmxcsr [rsi]
ACCESSED, DIRTY, LARGE, NX = 1 << 5, 1 << 6, 1 << 7, 1 << 63
PAGE = 0x10_0000
LINEAR = 0x7F12_3456_7000
VALUE = 0x0F0F_0F0F_0F0F_0F0F
P, W, U, RSVD = 1, 2, 4, 8
CR0_WP, CR0_PG, CR4_PSE, CR4_PAE, CR4_LA57, CR4_SMAP = 1 << 16, 1 << 31, 1 << 4, 1 << 5, 1 << 12, 1 << 21


@pytest.fixture
def long_guest(guest: Guest) -> Guest:
    guest.long_mode()
    guest.cpu.regs.rsi = LINEAR
    guest.ram.set_entry(PAGE, VALUE)
    return guest


def loaded(guest: Guest) -> bool:
    assert guest.run(LOAD) is None
    return guest.cpu.exception() is None and guest.cpu.regs.rax == 32


def test_accessed_and_dirty(long_guest: Guest) -> None:
    entry = long_guest.map(LINEAR, PAGE)
    assert loaded(long_guest)
    assert long_guest.ram.entry(entry) & (ACCESSED | DIRTY) == ACCESSED
    root = long_guest.cpu.sregs.cr3 + 8 * (LINEAR >> 39 & 511)
    assert long_guest.ram.entry(root) & (ACCESSED | DIRTY) == ACCESSED
    long_guest.run(STORE)
    assert long_guest.ram.entry(entry) & (ACCESSED | DIRTY) == ACCESSED | DIRTY


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("la57", [False, True])
def test_page_sizes(long_guest: Guest, level: int, la57: bool) -> None:
    linear = LINEAR
    if la57:
        long_guest.cpu.sregs.cr4 |= CR4_LA57
        linear |= 0x00AB << 48
    long_guest.cpu.regs.rsi = linear
    size = 1 << 12 + 9 * (level - 1)
    physical = PAGE - linear % size if level == 1 else 0
    offset = linear % size
    if level == 1:
        physical, offset = PAGE, 0
    elif offset > PAGE:
        long_guest.cpu.regs.rsi = linear = linear - offset + PAGE
    long_guest.map(linear, physical, level=level)
    where = physical + linear % size
    long_guest.ram.set_entry(where, VALUE)
    assert loaded(long_guest)


@pytest.mark.parametrize(
    ("flags", "code", "cpl", "error"),
    [
        (0, LOAD, 0, 0),
        (0, LOAD, 3, U),
        (0, STORE, 0, W),
        (PRESENT | USER, STORE, 0, P | W),
        (PRESENT | USER, STORE, 3, P | W | U),
        (PRESENT | WRITABLE, LOAD, 3, P | U),
        (PRESENT | WRITABLE | USER | 1 << 51, LOAD, 0, P | RSVD),
    ],
)
def test_page_fault(guest: Guest, flags: int, code: str, cpl: int, error: int) -> None:
    guest.emulator = type(guest.emulator)(guest.ram, guest.bus, physical_bits=46)
    guest.long_mode(cpl)
    entry = guest.map(LINEAR, PAGE, flags)
    guest.cpu.regs.rsi, guest.cpu.regs.rip = LINEAR, 0x1234
    assert guest.run(code) is None
    assert guest.cpu.exception() == (Vector.PF, error)
    assert guest.cpu.sregs.cr2 == LINEAR
    assert guest.cpu.regs.rip == 0x1234
    assert not guest.ram.entry(entry) & (ACCESSED | DIRTY)


def test_second_page_faults_before_anything_is_written(long_guest: Guest) -> None:
    long_guest.map(LINEAR, PAGE)
    long_guest.map(LINEAR + 0x1000, PAGE + 0x1000, PRESENT)
    long_guest.cpu.regs.rsi = LINEAR + 0xFFE
    long_guest.run(STORE)
    assert long_guest.cpu.exception() == (Vector.PF, P | W)
    assert long_guest.cpu.sregs.cr2 == LINEAR + 0x1000
    assert long_guest.ram.read(PAGE + 0xFFE, 2) == bytes(2)


def test_write_protection_can_be_off_for_the_kernel(long_guest: Guest) -> None:
    long_guest.map(LINEAR, PAGE, PRESENT)
    long_guest.cpu.sregs.cr0 &= ~CR0_WP
    long_guest.run(STORE)
    assert long_guest.cpu.exception() is None


def test_smap(long_guest: Guest) -> None:
    long_guest.map(LINEAR, PAGE)
    long_guest.cpu.sregs.cr4 |= CR4_SMAP
    long_guest.run(LOAD)
    assert long_guest.cpu.exception() == (Vector.PF, P)
    long_guest.cpu.regs.rflags |= 1 << 18
    assert loaded(long_guest)


def test_no_execute_without_nxe_is_reserved(long_guest: Guest) -> None:
    long_guest.map(LINEAR, PAGE, PRESENT | NX)
    assert loaded(long_guest)
    long_guest.cpu.sregs.efer &= ~(1 << 11)
    long_guest.run(LOAD)
    assert long_guest.cpu.exception() == (Vector.PF, P | RSVD)


def test_not_canonical(long_guest: Guest) -> None:
    long_guest.cpu.regs.rsi = 1 << 47
    long_guest.run(LOAD)
    assert long_guest.cpu.exception() == (Vector.GP, 0)
    long_guest.cpu.regs.rsp = 1 << 47
    long_guest.run("f3480fb80424")  # popcnt rax, [rsp]
    assert long_guest.cpu.exception() == (Vector.SS, 0)


def test_tables_outside_ram(long_guest: Guest) -> None:
    long_guest.cpu.sregs.cr3 = 1 << 40
    report = long_guest.run(LOAD)
    assert report is not None and "page table" in report


def test_code_is_fetched_through_the_tables(long_guest: Guest) -> None:
    code = bytes.fromhex("f3480fb8c3")
    long_guest.map(0x40_0000, PAGE + 0x1000)
    long_guest.map(0x40_1000, PAGE + 0x3000)
    long_guest.ram.write(PAGE + 0x1FFD, code[:3])
    long_guest.ram.write(PAGE + 0x3000, code[3:])
    long_guest.cpu.regs.rip, long_guest.cpu.regs.rbx = 0x40_0FFD, 0xFF
    assert long_guest.run(b"") is None
    assert (long_guest.cpu.regs.rax, long_guest.cpu.regs.rip) == (8, 0x40_1002)


def test_fetch_fault(long_guest: Guest) -> None:
    long_guest.map(0x40_0000, PAGE, PRESENT | NX)
    long_guest.cpu.regs.rip = 0x40_0000
    long_guest.run(b"")
    assert long_guest.cpu.exception() == (Vector.PF, P | 16)
    assert long_guest.cpu.sregs.cr2 == 0x40_0000


@pytest.mark.parametrize("large", [False, True])
def test_32_bit_paging(guest: Guest, large: bool) -> None:
    guest.protected_mode()
    guest.cpu.sregs.cr0 |= CR0_PG
    guest.cpu.sregs.cr4 |= CR4_PSE
    guest.cpu.sregs.cr3, linear = 0x1000, 0xC000_0123
    entry = 0x1000 + 4 * (linear >> 22)
    if large:
        guest.ram.set_entry(entry, PRESENT | WRITABLE | LARGE, 4)
        where = linear & 0x3F_FFFF
    else:
        guest.ram.set_entry(entry, 0x2000 | PRESENT | WRITABLE, 4)
        entry = 0x2000 + 4 * (linear >> 12 & 1023)
        guest.ram.set_entry(entry, PAGE | PRESENT | WRITABLE, 4)
        where = PAGE | linear & 0xFFF
    guest.ram.set_entry(where, 0x7, 4)
    guest.cpu.regs.rsi = linear
    assert guest.run("f30fb806") is None
    assert guest.cpu.regs.rax == 3
    assert guest.ram.entry(entry, 4) & ACCESSED


def test_pae(guest: Guest) -> None:
    guest.protected_mode()
    guest.cpu.sregs.cr0 |= CR0_PG
    guest.cpu.sregs.cr4 |= CR4_PAE
    guest.cpu.sregs.cr3, linear = 0x1020, 0xC020_0000 | 0x123
    guest.ram.set_entry(0x1020 + 8 * 3, 0x2000 | PRESENT)
    guest.ram.set_entry(0x2000 + 8 * 1, 0x20_0000 | PRESENT | WRITABLE | LARGE)
    guest.ram.set_entry(0x20_0123, 0x1F, 4)
    guest.cpu.regs.rsi = linear
    assert guest.run("f30fb806") is None
    assert guest.cpu.regs.rax == 5
    assert guest.ram.entry(0x2000 + 8) & ACCESSED
    assert not guest.ram.entry(0x1020 + 24) & ACCESSED


def test_no_paging(guest: Guest) -> None:
    guest.protected_mode()
    guest.ram.set_entry(PAGE, 0x3F, 4)
    guest.cpu.regs.rsi = PAGE
    guest.run("f30fb806")
    assert guest.cpu.regs.rax == 6
