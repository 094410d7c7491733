"""Processors that the MADT lists start by INIT and SIPI, also after a reset, with the APIC ids it states."""

from __future__ import annotations

import pytest

from tests.vmm.conftest import GuestBuilder, VmmStarter

pytestmark = pytest.mark.kvm

# The started processors set the bit of their initial APIC id (CPUID leaf 1) in the word at 0x41000.
# The CMOS RAM lives on its battery: byte 0x50 tells the second start from the first.
GUEST = """
    lea trampoline(%rip), %rsi
    mov $0x40000, %edi
    mov $trampoline_end - trampoline, %ecx
    rep movsb
    mov $0xfee00000, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0xc4500, 0x300(%rbx)      /* INIT to all but this one */
    mov $1000, %ecx
1:  pause
    loop 1b
    movl $0xc4640, 0x300(%rbx)      /* start at 0x40000 */
    mov $0x41000, %edi
2:  pause
    cmpw ${started}, (%rdi)
    jne 2b
    puts "started,"
    mov $0x50, %al
    out %al, $0x70
    in $0x71, %al
    test %al, %al
    jnz 3f
    mov $1, %al
    out %al, $0x71
    reset
3:  poweroff
4:  jmp 4b

    .code16
trampoline:
    mov $1, %eax
    cpuid
    shr $24, %ebx
    mov $0x4100, %ax
    mov %ax, %ds
    lock btsw %bx, 0
5:  hlt
    jmp 5b
trampoline_end:
"""


TWO_SOCKETS = "<cpu mode='host-passthrough'><topology sockets='2' cores='3' threads='1'/></cpu>"


@pytest.mark.parametrize(
    ("vcpus", "current", "cpu", "started"),
    [(4, 4, "", 0b1110), (6, 5, TWO_SOCKETS, 0b110110)],
    ids=["one socket", "two sockets, the last not there"],
)
def test_processors_start(
    assemble: GuestBuilder, start_vmm: VmmStarter, vcpus: int, current: int, cpu: str, started: int
) -> None:
    guest = assemble(GUEST.replace("{started}", str(started)))
    policies = f"<features><acpi/></features>{cpu}"
    vmm = start_vmm(guest, vcpus=vcpus, current=current, policies=policies)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "started,started,"
