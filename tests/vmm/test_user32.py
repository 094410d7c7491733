"""Linux by our VMM alone, from the compressed kernel to a user space that makes many system calls: on KVM
without VMX and SVM, too."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.driver.guests import ENDS, LINUX_MEMORY, domain_xml
from tests.guests import user32
from tests.guests.linux.fixture import LinuxGuest

LIMIT_SECONDS = 240
DONE = "init: done"


@pytest.mark.kvm
@pytest.mark.slow
@pytest.mark.timeout(1500)  # the kernel is built here when it is in no cache
def test_system_calls(tmp_path: Path, linux_guest: LinuxGuest) -> None:
    domain, serial, log = tmp_path / "guest.xml", tmp_path / "serial", tmp_path / "log"
    initrd = user32.initramfs(tmp_path)
    kernel, cmdline = str(linux_guest.kernel), linux_guest.cmdline
    xml = domain_xml(
        "user32",
        kernel=kernel,
        initrd=str(initrd),
        cmdline=cmdline,
        memory=LINUX_MEMORY,
        extra=ENDS,
    )
    domain.write_text(xml)
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
