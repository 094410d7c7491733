"""Small guests on the real /dev/kvm: their accesses reach devices, their ends follow the policies."""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

import pytest
from qemu.qmp import ExecuteError, QMPClient

from tests.vmm.conftest import GuestBuilder, VmmStarter, run_to_end

pytestmark = pytest.mark.kvm

HELLO = 'puts "hello"\n poweroff\n1: jmp 1b'
SPIN = 'puts "up"\n1: pause\n jmp 1b'


@pytest.mark.parametrize("ring", [0, 3])
def test_serial_output_and_poweroff(assemble: GuestBuilder, start_vmm: VmmStarter, ring: int) -> None:
    vmm = start_vmm(assemble(HELLO, ring=ring))
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "hello"


def test_poweroff_event(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(HELLO), paused=True)
    assert run_to_end(vmm) == [
        ("RESUME", None),
        ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"}),
    ]
    assert vmm.wait() == 0


@pytest.mark.parametrize("ring", [0, 3])
def test_unclaimed_ports_and_memory_read_as_ones(
    assemble: GuestBuilder, start_vmm: VmmStarter, ring: int
) -> None:
    guest = assemble(
        """
        xor %eax, %eax
        mov $0x510, %dx
        in %dx, %eax
        cmp $-1, %eax
        jne bad
        mov $0xd0000000, %ebx
        mov $0x12345678, %eax
        mov %eax, (%rbx)
        mov (%rbx), %rax
        cmp $-1, %rax
        jne bad
        puts "ones"
        poweroff
        bad: puts "bad"
        poweroff
        1: jmp 1b
        """,
        ring=ring,
    )
    vmm = start_vmm(guest)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "ones"


def test_string_output(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    guest = assemble(
        """
        lea text(%rip), %rsi
        mov $26, %ecx
        mov $0x3f8, %dx
        rep outsb
        poweroff
        1: jmp 1b
        text: .ascii "abcdefghijklmnopqrstuvwxyz"
        """
    )
    vmm = start_vmm(guest)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "abcdefghijklmnopqrstuvwxyz"


IDT = """
    .macro gate vector, handler
    lea \\handler(%rip), %rax
    lea idt+16*\\vector(%rip), %rbx
    mov %ax, (%rbx)
    movw $0x10, 2(%rbx)
    movw $0x8e00, 4(%rbx)
    shr $16, %rax
    mov %ax, 6(%rbx)
    movl $0, 8(%rbx)
    .endm
    .macro load_idt
    lidt idtr(%rip)
    .endm
    .data
    .balign 16
    idt: .fill 4096, 1, 0
    idtr: .word 4095
    .quad idt
    .text
"""

TIMER = (
    IDT.replace(".text\n", ".text\n.section .text.sub\n", 1)
    + """
    .text
    gate 0x20, tick
    load_idt
    mov $0x11, %al
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $0x04, %al
    out %al, $0x21
    mov $0x01, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0x34, %al
    out %al, $0x43
    mov $0x00, %al
    out %al, $0x40
    mov $0x40, %al
    out %al, $0x40
    xor %r15d, %r15d
    1: sti
    hlt
    cmp $5, %r15d
    jb 1b
    cli
    puts "ticked"
    poweroff
    2: jmp 2b
    tick:
    inc %r15d
    push %rax
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    iretq
    """
)


def test_halt_wakes_on_the_timer(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(TIMER))
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "ticked"


# The CMOS RAM lives on its battery: byte 0x50 tells the second start from the first.
RESET_ONCE = """
    mov $0x50, %al
    out %al, $0x70
    in $0x71, %al
    test %al, %al
    jnz again
    mov $1, %al
    out %al, $0x71
    movl $0x55, counter(%rip)
    puts "first,"
    reset
    1: jmp 1b
    again:
    cmpl $0, counter(%rip)
    jne 1b
    puts "second"
    poweroff
    jmp 1b
    .bss
    counter: .long 0
"""


def test_reset_starts_over_with_fresh_memory(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(RESET_ONCE), paused=True, vcpus=2)
    assert run_to_end(vmm) == [
        ("RESUME", None),
        ("RESET", {"guest": True, "reason": "guest-reset"}),
        ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"}),
    ]
    assert vmm.wait() == 0
    assert vmm.output() == "first,second"


def test_reset_after_interrupts(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    """The PIC and PIT of the second life are as after power-on, not as the first has left them."""
    vmm = start_vmm(assemble(TIMER.replace("poweroff", "reset")), paused=True)
    vmm.execute("cont")
    vmm.wait_output("ticked" * 20)
    vmm.execute("quit")
    assert vmm.wait() == 0


@pytest.mark.parametrize(
    ("policy", "how"),
    [("on_reboot", "reset"), ("on_poweroff", "poweroff")],
)
def test_destroy_ends_the_process(
    assemble: GuestBuilder, start_vmm: VmmStarter, policy: str, how: str
) -> None:
    vmm = start_vmm(assemble(f"{how}\n1: jmp 1b"), paused=True, policies=f"<{policy}>destroy</{policy}>")
    reason = "guest-reset" if how == "reset" else "guest-shutdown"
    assert run_to_end(vmm)[-1] == ("SHUTDOWN", {"guest": True, "reason": reason})
    assert vmm.wait() == 0


def test_preserved_after_poweroff(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(HELLO), policies="<on_poweroff>preserve</on_poweroff>")
    vmm.wait_output("hello")
    wait_status(vmm, "shutdown")
    with pytest.raises(ExecuteError, match="Resetting the Virtual Machine is required"):
        vmm.execute("cont")
    vmm.execute("system_reset")
    assert vmm.execute("query-status") == {"status": "prelaunch", "running": False}
    vmm.execute("cont")
    vmm.wait_output("hellohello")
    vmm.process.send_signal(signal.SIGTERM)
    assert vmm.wait() == 0


def wait_status(vmm: object, status: str) -> None:
    deadline = time.monotonic() + 10
    while vmm.execute("query-status")["status"] != status:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.02)


TRIPLE_FAULT = 'puts "x"\n ud2'


def test_triple_fault_is_a_crash(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(TRIPLE_FAULT), paused=True)
    assert run_to_end(vmm) == [
        ("RESUME", None),
        ("GUEST_PANICKED", {"action": "poweroff"}),
        ("SHUTDOWN", {"guest": True, "reason": "guest-panic"}),
    ]
    assert vmm.wait() == 3
    assert "triple fault" in vmm.log()
    assert "rip=" in vmm.log()


def test_preserved_after_a_crash(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(TRIPLE_FAULT), policies="<on_crash>preserve</on_crash>")
    vmm.wait_output("x")
    wait_status(vmm, "guest-panicked")
    vmm.execute("quit")
    assert vmm.wait() == 0


def test_restarted_after_a_crash(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(TRIPLE_FAULT), policies="<on_crash>restart</on_crash>")
    vmm.wait_output("xxx")
    vmm.execute("quit")
    assert vmm.wait() == 0


@pytest.mark.parametrize("ring", [0, 3])
def test_stop_parks_and_cont_goes_on(assemble: GuestBuilder, start_vmm: VmmStarter, ring: int) -> None:
    guest = assemble("1: mov $0x3f8, %dx\n mov $'.', %al\n out %al, %dx\n jmp 1b", ring=ring)
    vmm = start_vmm(guest)
    vmm.wait_output("...")
    for _ in range(3):
        vmm.execute("stop")
        assert vmm.execute("query-status") == {"status": "paused", "running": False}
        before = len(vmm.output())
        time.sleep(0.1)
        assert len(vmm.output()) == before
        vmm.execute("cont")
        deadline = time.monotonic() + 10
        while len(vmm.output()) == before:
            assert time.monotonic() < deadline
    vmm.execute("quit")
    assert vmm.wait() == 0


def test_stop_and_cont_tell_their_events(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(SPIN))

    async def conversation(client: QMPClient) -> None:
        for command in ("stop", "stop", "cont", "cont", "system_reset"):
            await client.execute(command)

    vmm.talk(conversation)
    assert [event["event"] for event in vmm.events] == ["STOP", "RESUME", "RESET"]


@pytest.mark.parametrize(
    "program",
    ["1: jmp 1b", "cli\n1: hlt\n jmp 1b", "1: in $0x71, %al\n jmp 1b"],
    ids=["loop", "halted", "exits"],
)
def test_sigterm_ends_any_guest(assemble: GuestBuilder, start_vmm: VmmStarter, program: str) -> None:
    vmm = start_vmm(assemble(program), vcpus=3)
    assert vmm.execute("query-status")["running"]
    vmm.process.send_signal(signal.SIGTERM)
    assert vmm.wait(5) == 0


def test_signal_event(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(SPIN), paused=True)

    async def conversation(client: QMPClient) -> None:
        await client.execute("cont")
        vmm.process.send_signal(signal.SIGTERM)
        with client.listener("SHUTDOWN") as listener:
            event = await listener.get()
        assert event["data"] == {"guest": False, "reason": "host-signal"}

    vmm.talk(conversation)
    assert vmm.wait() == 0


def test_threads_and_title_carry_names(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(SPIN), vcpus=3)
    cpus = vmm.execute("query-cpus-fast")
    tasks = Path(f"/proc/{vmm.process.pid}/task")
    names = {int(task.name): (task / "comm").read_text().strip() for task in tasks.iterdir()}
    assert [names[cpu["thread-id"]] for cpu in cpus] == ["CPU 0/KVM", "CPU 1/KVM", "CPU 2/KVM"]
    assert names[vmm.process.pid] == "kvmctl-vmm"
    title = Path(f"/proc/{vmm.process.pid}/cmdline").read_bytes().rstrip(b"\0")
    assert title == b"kvmctl-vmm guest=test0"


def test_second_processor_starts(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    """INIT and SIPI through the local APIC: the second vCPU waits for them and starts in real mode."""
    guest = assemble(
        """
        lea trampoline(%rip), %rsi
        mov $0x3000, %edi
        mov $(trampoline_end - trampoline), %ecx
        rep movsb
        mov $0xfee00000, %ebx
        movl $0x1ff, 0xf0(%rbx)
        movl $0x01000000, 0x310(%rbx)
        movl $0x00004500, 0x300(%rbx)
        movl $0x01000000, 0x310(%rbx)
        movl $0x00004603, 0x300(%rbx)
        1: cmpb $1, 0x4000
        jne 1b
        puts "both"
        poweroff
        2: jmp 2b
        .code16
        trampoline:
        xor %ax, %ax
        mov %ax, %ds
        movb $1, 0x4000
        3: hlt
        jmp 3b
        trampoline_end:
        .code64
        """
    )
    vmm = start_vmm(guest, vcpus=2)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "both"


def test_breakpoint_reaches_the_guest(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    guest = assemble(
        IDT
        + """
        gate 3, breakpoint
        load_idt
        int3
        puts "back"
        poweroff
        1: jmp 1b
        breakpoint:
        push %rax
        push %rdx
        push %rsi
        puts "bp,"
        pop %rsi
        pop %rdx
        pop %rax
        iretq
        """
    )
    vmm = start_vmm(guest)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "bp,back"


# Writes 160 KB, beyond what the terminal and the VMM keep, and goes on living.
FLOOD = """
    mov $0x200000, %edi
    mov %rdi, %rsi
    mov $160000, %ecx
    mov %ecx, %ebx
    mov $'a', %al
    rep stosb
    mov %ebx, %ecx
    mov $0x3f8, %dx
    rep outsb
    puts "END"
    2: in $0x71, %al
    jmp 2b
"""


def test_nobody_reads_the_terminal(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    """The guest does not wait; a late reader gets the most recent output, to its very end."""
    vmm = start_vmm(assemble(FLOOD), pty=True)
    text = vmm.execute("query-chardev")[0]["filename"].removeprefix("pty:")
    time.sleep(2)
    slave = os.open(text, os.O_RDWR | os.O_NOCTTY)
    try:
        received = b""
        deadline = time.monotonic() + 60
        while not received.endswith(b"END") and time.monotonic() < deadline:
            if select.select([slave], [], [], 0.2)[0]:
                received += os.read(slave, 65536)
        assert received.endswith(b"a" * 60_000 + b"END")
    finally:
        os.close(slave)
    vmm.execute("quit")
    assert vmm.wait() == 0


# Echoes what it reads, without FIFO, polling.
ECHO = """
    puts "ready"
    1: mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz 1b
    mov $0x3f8, %dx
    in %dx, %al
    out %al, %dx
    jmp 1b
"""


def test_a_long_paste_arrives_whole(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(ECHO, ring=3), pty=True)
    text = vmm.execute("query-chardev")[0]["filename"].removeprefix("pty:")
    slave = os.open(text, os.O_RDWR | os.O_NOCTTY)
    try:
        paste = bytes(range(256)) * 8
        received = b""
        sent = 0
        deadline = time.monotonic() + 60
        while len(received) < len(paste) + len("ready") and time.monotonic() < deadline:
            if sent < len(paste):
                sent += os.write(slave, paste[sent : sent + 256])
            if select.select([slave], [], [], 0.05)[0]:
                received += os.read(slave, 65536)
        assert received == b"ready" + paste
    finally:
        os.close(slave)


def test_kernel_that_is_none(tmp_path: Path, start_vmm: VmmStarter) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"no kernel" * 100)
    vmm = start_vmm(kernel)
    assert vmm.wait() == 1
    last = vmm.log().splitlines()[-1]
    assert last.startswith("kvmctl-vmm: error: ")
    assert "Traceback" not in vmm.log()


@pytest.mark.parametrize("name", ["kvm", "qmp", "kernel", "serial0"])
def test_missing_descriptor(assemble: GuestBuilder, start_vmm: VmmStarter, name: str) -> None:
    vmm = start_vmm(assemble(HELLO), omit=(name,))
    assert vmm.wait() == 1
    assert vmm.log().splitlines()[-1] == f"kvmctl-vmm: error: descriptor {name} is missing"


def test_more_vcpus_than_kvm_has(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(HELLO), vcpus=100_000)
    assert vmm.wait() == 1
    assert "100000 vCPUs" in vmm.log()
