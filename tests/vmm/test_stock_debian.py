"""Debian's stock kernel, as its package has it, boots to /init: on nested KVM without VMX and SVM, too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.driver.guests import ENDS, LINUX_MEMORY, domain_xml
from tests.guests.debian import package
from tests.guests.linux import initramfs

# Initcalls that make the kernel parse its own type information, megabytes of it, for BPF programs that this
# guest will not load; and two for tracing, which look up 37000 symbols and make thousands of files.
SKIPPED_INITCALLS = (
    "cubictcp_register",
    "bpf_tcp_ca_kfunc_init",
    "kfunc_init",
    "bpf_prog_test_run_init",
    "bpf_key_sig_kfuncs_init",
    "bpf_rstat_kfunc_init",
    "tracer_init_tracefs",
    "ftrace_check_for_weak_functions",
)
# What keeps an emulated boot short: no clearing of all memory, no self-tests of ciphers, no search of page
# tables for writable code, no ACPI tables to interpret. None of it is needed on VMX or SVM.
CMDLINE = (
    "console=ttyS0 earlyprintk=ttyS0 panic=-1 reboot=k init_on_alloc=0 cryptomgr.notests acpi=off nowatchdog "
    f"rodata=off lsm= audit=0 ipv6.disable=1 initcall_blacklist={','.join(SKIPPED_INITCALLS)}"
)
# It takes under three minutes on an otherwise idle host; other guests beside this one may double that.
LIMIT_SECONDS = 600
REPORT_SECONDS = 30


@pytest.mark.kvm
@pytest.mark.slow
@pytest.mark.timeout(LIMIT_SECONDS + 60)
def test_boots_to_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        kernel = package.vmlinuz()
    except package.NotAvailable as reason:
        pytest.skip(str(reason))
    domain = tmp_path / "guest.xml"
    initrd = initramfs.build(tmp_path)
    xml = domain_xml(
        "stock-debian",
        kernel=str(kernel),
        initrd=str(initrd),
        cmdline=CMDLINE,
        memory=LINUX_MEMORY,
        extra=ENDS,
    )
    domain.write_text(xml)
    serial, log = tmp_path / "serial", tmp_path / "log"
    command = [sys.executable, "-m", "kvmctl.vmm", str(domain), "--serial", str(serial)]
    command += ["--cache-dir", str(tmp_path)]
    started = time.monotonic()
    with log.open("wb") as output:
        vmm = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        with capsys.disabled():
            print(f"\n{kernel.name}: ", end="", flush=True)
            seconds = _wait_for_init(vmm, serial, started)
            print(f"/init after {seconds:.0f} s, of which the guest ran {_processor_seconds(vmm.pid):.0f} s")
    finally:
        vmm.terminate()
        vmm.wait(10)


def _processor_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), /proc/PID/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for_init(vmm: subprocess.Popen[bytes], serial: Path, started: float) -> float:
    """Seconds from the start to the line that /init prints; prints the guest's last line now and then."""
    reported = 0
    while True:
        seconds = time.monotonic() - started
        text = serial.read_bytes().decode("latin-1") if serial.exists() else ""
        if initramfs.LINE in text:
            return seconds
        assert vmm.poll() is None, f"the guest ended early:\n{text[-2000:]}"
        assert seconds < LIMIT_SECONDS, f"no /init after {seconds:.0f} s:\n{text[-2000:]}"
        if seconds // REPORT_SECONDS > reported:
            reported = int(seconds // REPORT_SECONDS)
            lines = text.strip().splitlines()
            print(f"\n  {seconds:.0f} s: {lines[-1] if lines else ''}", end=" ", flush=True)
        time.sleep(0.5)
