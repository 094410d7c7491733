"""`system_powerdown`, seen from a guest: the SCI through both interrupt controllers, then S5."""

from __future__ import annotations

import pytest
from qemu.qmp import ExecuteError

from tests.vmm.conftest import GuestBuilder, VmmStarter
from tests.vmm.test_vmm_guests import IDT

pytestmark = pytest.mark.kvm

ACPI = "<features><acpi/></features>"

OUT = """
    .macro outb value, port
    mov $\\value, %al
    mov $\\port, %dx
    out %al, %dx
    .endm
    .macro outw value, port
    mov $\\value, %ax
    mov $\\port, %dx
    out %ax, %dx
    .endm
"""

WAIT = """
    .macro wait_for count, patience
    mov $\\patience, %ecx
    sti
7:  pause
    cmp $\\count, %r15d
    je 8f
    loop 7b
8:  cli
    .endm
"""

# IRQ 9 is input 1 of the slave, which is at input 2 of the master; the SCI is level-triggered.
PIC = """
    .macro connect
    outb 0x11, 0x20
    outb 0x20, 0x21
    outb 0x04, 0x21
    outb 0x01, 0x21
    outb 0x11, 0xa0
    outb 0x28, 0xa1
    outb 0x02, 0xa1
    outb 0x01, 0xa1
    outb 0x02, 0x4d1
    outb 0xfb, 0x21
    outb 0xfd, 0xa1
    .endm
    .macro end_of_interrupt
    outb 0x20, 0xa0
    outb 0x20, 0x20
    .endm
"""

# Both PICs masked; the local APIC on; entry 9 of the IOAPIC: vector 0x29, level-triggered, to APIC 0.
IO_APIC = """
    .macro connect
    outb 0xff, 0x21
    outb 0xff, 0xa1
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    mov $0xfec00000, %ebx
    movl $0x23, (%rbx)
    movl $0, 0x10(%rbx)
    movl $0x22, (%rbx)
    movl $0x8029, 0x10(%rbx)
    .endm
    .macro end_of_interrupt
    mov $0xfee00000, %ebx
    movl $0, 0xb0(%rbx)
    .endm
"""

# PM1a: status 0x600, enable 0x602, control 0x604. The second press finds the event disabled.
GUEST = """
    .text
    xor %r15d, %r15d
    gate 0x29, sci
    load_idt
    connect
    outw 0x0100, 0x602
    puts "ready,"
    1: sti
    hlt
    cli
    test %r15d, %r15d
    jz 1b
    mov $0x600, %dx
    in %dx, %ax
    test $0x0100, %ax
    jnz wrong
    wait_for 2, 1000
    cmp $1, %r15d
    jne wrong
    puts "button,"
    outw 0, 0x602
    puts "off,"
    2: mov $0x600, %dx
    in %dx, %ax
    test $0x0100, %ax
    jz 2b
    cmp $1, %r15d
    jne wrong
    outw 0x0100, 0x602
    wait_for 2, 100000000
    cmp $2, %r15d
    jne wrong
    puts "again,"
    outw 0x2000, 0x604
    3: jmp 3b
    wrong: puts "wrong"
    jmp 3b
    sci:
    push %rax
    push %rbx
    push %rdx
    mov $0x600, %dx
    in %dx, %ax
    test $0x0100, %ax
    jz 4f
    inc %r15d
    4: out %ax, %dx
    end_of_interrupt
    pop %rdx
    pop %rbx
    pop %rax
    iretq
"""


@pytest.mark.parametrize("controller", [PIC, IO_APIC], ids=["pic", "ioapic"])
def test_power_button(assemble: GuestBuilder, start_vmm: VmmStarter, controller: str) -> None:
    idt = IDT.replace(".text\n", ".text\n.section .text.sub\n", 1)
    guest = assemble(OUT + WAIT + idt + controller + GUEST)
    vmm = start_vmm(guest, policies=ACPI)
    vmm.wait_output("ready,")
    assert vmm.execute("system_powerdown") == {}
    vmm.wait_output("off,")
    vmm.execute("system_powerdown")
    assert vmm.wait() == 0, vmm.output() + vmm.log()
    assert vmm.output() == "ready,button,off,again,"


def test_a_paused_guest_hears_of_it_later(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    guest = assemble(
        """
        puts "up"
        1: mov $0x600, %dx
        in %dx, %ax
        test $0x0100, %ax
        jz 1b
        poweroff
        2: jmp 2b
        """
    )
    vmm = start_vmm(guest, policies=ACPI)
    vmm.wait_output("up")
    vmm.execute("stop")
    vmm.execute("system_powerdown")
    assert "POWERDOWN" in [event["event"] for event in vmm.events]
    vmm.execute("cont")
    assert vmm.wait() == 0


def test_no_button_without_acpi(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble('puts "up"\n1: hlt\n jmp 1b'))
    vmm.wait_output("up")
    names = [command["name"] for command in vmm.execute("query-commands")]
    assert "system_powerdown" not in names
    with pytest.raises(ExecuteError):
        vmm.execute("system_powerdown")
