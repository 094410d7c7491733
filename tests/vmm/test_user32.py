"""A Linux guest whose /init makes many system calls: a real user space, also on KVM without VMX and SVM."""

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
def test_system_calls(tmp_path: Path, linux_guest: LinuxGuest) -> None:
    domain, serial, log = tmp_path / "guest.xml", tmp_path / "serial", tmp_path / "log"
    initrd = user32.initramfs(tmp_path)
    domain.write_text(DOMAIN.format(kernel=linux_guest.kernel, initrd=initrd, cmdline=linux_guest.cmdline))
    command = [sys.executable, "-m", "kvmctl.vmm", str(domain), "--serial", str(serial)]
    command += ["--cache-dir", str(tmp_path)]
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
    said = text[text.index("init: started") :].splitlines()
    assert "Linux version 6.12" in text[text.index("init: started") :]
    assert [line for line in said if line.endswith(": FAILED")] == []
    assert sum(line.endswith(": ok") for line in said) == user32.CHECKS
    assert vmm.returncode == 0, log.read_text()
