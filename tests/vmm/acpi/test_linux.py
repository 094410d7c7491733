"""Linux with ACPI: it finds its CPUs in the MADT and starts them, and it powers off by S5."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmctl.host import kvm
from tests.guests.linux import initramfs
from tests.guests.linux.fixture import LinuxGuest
from tests.vmm.processes import PATIENCE, output_until

pytestmark = [pytest.mark.kvm, pytest.mark.slow, pytest.mark.timeout(1500)]

POWEROFF_INIT = Path(__file__).with_name("poweroff_init.S")


@pytest.fixture(scope="module")
def poweroff_initrd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initramfs whose /init powers off."""
    return initramfs.build(tmp_path_factory.mktemp("initrd"), POWEROFF_INIT)


@contextmanager
def linux(
    directory: Path, guest: LinuxGuest, initrd: Path, vcpus: str, cpu: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """Linux with its console on a pipe."""
    domain = directory / "guest.xml"
    domain.write_text(f"""
<domain type='kvm'>
  <name>acpi-test</name>
  <memory unit='MiB'>128</memory>
  {vcpus}
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{guest.kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{guest.cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  {cpu}
  <on_reboot>destroy</on_reboot>
  <devices><serial type='pty'/></devices>
</domain>
""")
    command = [sys.executable, "-m", "kvmctl.vmm", str(domain), "--serial", "stdio"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_linux_powers_off(linux_guest: LinuxGuest, poweroff_initrd: Path, tmp_path: Path) -> None:
    with linux(tmp_path, linux_guest, poweroff_initrd, "<vcpu>1</vcpu>") as process:
        console = output_until(process, "guest: poweroff", PATIENCE)
        assert process.wait(20) == 0
    for line in (
        "ACPI: RSDP 0x00000000000F0000",
        "ACPI: INT_SRC_OVR (bus 0 bus_irq 9 global_irq 9 high level)",
        "ACPI: Interpreter enabled",
        "ACPI: PM: (supports S0 S5)",
        "ACPI: PM: Preparing to enter system sleep state S5",
        "reboot: Power down",
    ):
        assert line in console
    for complaint in ("ACPI Error", "ACPI Warning", "ACPI BIOS Error", "[Firmware Bug]"):
        assert complaint not in console


TOPOLOGY = """<cpu mode='host-model'><topology sockets='2' dies='1' cores='2' threads='2'/>
<numa><cell id='0' cpus='0-3' memory='64' unit='MiB'/><cell id='1' cpus='4-7' memory='64' unit='MiB'/></numa>
</cpu>"""


def test_linux_starts_all_its_cpus(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    """Those that are there, in the topology that CPUID and the firmware tables tell."""
    vcpus = "<vcpu current='5'>8</vcpu>"
    with linux(tmp_path, linux_guest, linux_guest.initrd, vcpus, TOPOLOGY) as process:
        console = output_until(process, "smp: Brought up 1 node, 5 CPUs", PATIENCE)
    for line in (
        "ACPI: Using ACPI (MADT) for SMP configuration information",
        "CPU topo: Max. logical packages:   2",
        "CPU topo: Max. threads per core:   2",
        "CPU topo: Num. cores per package:     2",
        "CPU topo: Num. threads per package:   4",
        "CPU topo: Allowing 5 present CPUs plus 0 hotplug CPUs",
        "ACPI: SRAT 0x",
        "smpboot: CPU0: Intel Virtual CPU (" if kvm.host_cpu().vendor == "Intel" else "smpboot: CPU0: ",
    ):
        assert line in console
    assert "[Firmware Bug]" not in console
