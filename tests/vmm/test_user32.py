"""Linux by our VMM alone, from the compressed kernel to a user space that makes many system calls: on KVM
without VMX and SVM, too."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.guests import user32
from tests.guests.linux.fixture import LinuxGuest

LIMIT_SECONDS = 240
DONE = "init: done"
DOMAIN = """
<domain type='kvm'>
  <name>user32</name>
  <memory unit='MiB'>128</memory>
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <on_reboot>destroy</on_reboot>
  <devices><serial type='pty'/></devices>
</domain>
"""


@pytest.mark.kvm
@pytest.mark.slow
@pytest.mark.timeout(1500)  # the kernel is built here when it is in no cache
def test_system_calls(tmp_path: Path, linux_guest: LinuxGuest) -> None:
    domain, serial, log = tmp_path / "guest.xml", tmp_path / "serial", tmp_path / "log"
    initrd = user32.initramfs(tmp_path)
    domain.write_text(DOMAIN.format(kernel=linux_guest.kernel, initrd=initrd, cmdline=linux_guest.cmdline))
    command = [sys.executable, "-m", "kvmctl.vmm", str(domain), "--serial", str(serial)]
    cache = tmp_path / "cache"
    command += ["--cache-dir", str(cache)]
    with log.open("wb") as output:
        vmm = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + LIMIT_SECONDS
        while vmm.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        vmm.kill()
        vmm.wait()
    text = serial.read_text("latin-1")
    assert DONE in text, text[-3000:] + log.read_text()
    assert linux_guest.cmdline in text
    assert "BIOS-e820: [mem 0x0000000000100000-0x0000000007ffffff] usable" in text
    assert "Unpacking initramfs" in text
    assert len(list(cache.iterdir())) == 1, "the kernel was decompressed once, for the next start too"
    said = text[text.index("init: started") :].splitlines()
    assert "Linux version 6.12" in text[text.index("init: started") :]
    assert [line for line in said if line.endswith(": FAILED")] == []
    assert sum(line.endswith(": ok") for line in said) == user32.CHECKS
    assert vmm.returncode == 0, log.read_text()
