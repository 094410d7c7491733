"""An instruction that nobody completes ends the guest, and the log says which one."""

from __future__ import annotations

import pytest

from kvmctl.vmm import quirks
from tests.vmm.conftest import GuestBuilder, VmmStarter, run_to_end

pytestmark = pytest.mark.kvm


@pytest.mark.skipif(quirks.detect().name != "pvm", reason="this host's processor runs every instruction")
def test_crash_report(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    guest = assemble("mov $0x1122334455667788, %rbx\n addps %xmm1, %xmm0\n 1: jmp 1b")
    vmm = start_vmm(guest, paused=True)
    events = run_to_end(vmm)
    assert ("GUEST_PANICKED", {"action": "poweroff"}) in events
    assert vmm.wait() != 0
    log = vmm.log()
    assert "addps xmm0,xmm1 [0f 58 c1]" in log
    assert "rbx=1122334455667788" in log


@pytest.mark.skipif(quirks.detect().name != "pvm", reason="this host's processor runs every instruction")
def test_fault_in_the_guest(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    """POPCNT from an unmapped page: the guest's own handler gets the #PF, with CR2."""
    guest = assemble(
        """
        lea handler(%rip), %rax
        lea idt(%rip), %rdi
        mov %ax, 14*16(%rdi)
        mov %cs, 14*16+2(%rdi)
        movw $0x8e00, 14*16+4(%rdi)
        shr $16, %rax
        mov %ax, 14*16+6(%rdi)
        lidt register(%rip)
        mov $0x7654321000, %rsi
        popcnt (%rsi), %rax
        puts "no fault"
        poweroff
        handler: mov %cr2, %rax
        cmp %rsi, %rax
        jne bad
        cmpl $0, (%rsp)
        jne bad
        puts "page fault"
        poweroff
        1: jmp 1b
        bad: puts "bad"
        poweroff
        register: .word 4095
        .quad idt
        .bss
        .balign 16
        idt: .skip 4096
        """
    )
    vmm = start_vmm(guest)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "page fault"
