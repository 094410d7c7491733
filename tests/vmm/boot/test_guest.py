"""Linux itself, by our VMM alone: from the compressed kernel to the line that its /init prints."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.guests.linux.fixture import LinuxGuest

# About 25 s where the guest is emulated and the host is idle; other tests may share its few CPUs.
PATIENCE = 240.0


def usable_kvm() -> bool:
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


def output_until(process: subprocess.Popen[bytes], text: str, seconds: float) -> str:
    """What the process has written, up to the line with `text`; fails when it ends or is silent too long."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    output = b""
    while text.encode() not in output:
        ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        output += data
        if not data:
            reason = f"ended with {process.wait(10)}" if ready else f"ran for {seconds:.0f} s"
            pytest.fail(f"the guest {reason} without {text!r}:\n{output.decode(errors='replace')[-6000:]}")
    return output.decode(errors="replace")


@pytest.mark.kvm
@pytest.mark.slow
@pytest.mark.timeout(1500)  # the kernel is built here when it is in no cache
@pytest.mark.skipif(not usable_kvm(), reason="no usable /dev/kvm")
def test_linux_reaches_init(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    domain = tmp_path / "guest.xml"
    domain.write_text(f"""
<domain type='kvm'>
  <name>boot-test</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{linux_guest.kernel}</kernel>
    <initrd>{linux_guest.initrd}</initrd>
    <cmdline>{linux_guest.cmdline}</cmdline>
  </os>
  <on_reboot>destroy</on_reboot>
  <devices><serial type='pty'/></devices>
</domain>
""")
    cache = tmp_path / "cache"
    command = [
        sys.executable,
        "-m",
        "kvmctl.vmm",
        str(domain),
        "--serial",
        "stdio",
        "--cache-dir",
        str(cache),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            console = output_until(process, linux_guest.line, PATIENCE)
            # It stays there: the line was no last gasp.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
        finally:
            process.terminate()
    assert linux_guest.cmdline in console
    assert "BIOS-e820: [mem 0x0000000000100000-0x0000000007ffffff] usable" in console
    assert "Unpacking initramfs" in console
    assert process.returncode == 0
    assert len(list(cache.iterdir())) == 1
