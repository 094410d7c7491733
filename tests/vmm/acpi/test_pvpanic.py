"""A guest that tells of its panic: reported as a crash, and <on_crash> decides."""

from __future__ import annotations

import pytest

from tests.vmm.conftest import GuestBuilder, VmmStarter, run_to_end

PANIC = """
    mov $0x505, %dx
    in %dx, %al
    cmp $1, %al
    jne 1f
    puts "panic"
    mov $0x505, %dx
    mov $1, %al
    out %al, %dx
    puts "never"
    1: poweroff
    2: jmp 2b
"""
ON_CRASH = "<on_crash>{}</on_crash>"

pytestmark = pytest.mark.kvm


@pytest.mark.parametrize(
    ("policy", "end"),
    [("destroy", ("SHUTDOWN", {"guest": True, "reason": "guest-panic"})), ("preserve", None)],
)
def test_panic(
    assemble: GuestBuilder, start_vmm: VmmStarter, policy: str, end: tuple[str, object] | None
) -> None:
    vmm = start_vmm(
        assemble(PANIC), paused=True, policies=ON_CRASH.format(policy), devices="<panic model='isa'/>"
    )
    if end is not None:
        events = run_to_end(vmm)
        assert events[-2:] == [("GUEST_PANICKED", {"action": "poweroff"}), end]
    else:
        vmm.execute("cont")
        vmm.wait_output("panic")
        assert vmm.execute("query-status") == {"status": "guest-panicked", "running": False}
    assert vmm.output() == "panic"


def test_no_device_without_panic_element(assemble: GuestBuilder, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(assemble(PANIC))
    assert vmm.wait() == 0
    assert vmm.output() == ""
