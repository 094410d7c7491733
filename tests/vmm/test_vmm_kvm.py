"""The KVM binding: numbers against the system's headers, CPUID, the quirks' detection, guest memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

from kvmctl.host.cpumodel import CpuidEntry
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.system import Kvm, KvmError
from kvmctl.vmm.kvm.vm import MsiRoute, Vm
from kvmctl.vmm.memory import GIB, GuestMemory, GuestMemoryError, layout
from kvmctl.vmm.quirks import Quirks, pvm

_STRUCTURES = {
    "kvm_userspace_memory_region": abi.UserspaceMemoryRegion,
    "kvm_pit_config": abi.PitConfig,
    "kvm_reinject_control": abi.ReinjectControl,
    "kvm_irq_level": abi.IrqLevel,
    "kvm_irqchip": abi.Irqchip,
    "kvm_pit_state2": abi.PitState2,
    "kvm_irqfd": abi.Irqfd,
    "kvm_ioeventfd": abi.Ioeventfd,
    "kvm_irq_routing_entry": abi.IrqRoutingEntry,
    "kvm_msr_entry": abi.MsrEntry,
    "kvm_regs": abi.Regs,
    "kvm_segment": abi.Segment,
    "kvm_sregs": abi.Sregs,
    "kvm_fpu": abi.Fpu,
    "kvm_lapic_state": abi.LapicState,
    "kvm_mp_state": abi.MpState,
    "kvm_xsave": abi.Xsave,
    "kvm_xcrs": abi.Xcrs,
    "kvm_debugregs": abi.Debugregs,
    "kvm_vcpu_events": abi.VcpuEvents,
}
_PREFIXED = (
    *("API_VERSION", "EXIT_", "CAP_", "MP_STATE_", "SYSTEM_EVENT_", "INTERNAL_ERROR_EMULATION"),
    *("IRQFD_FLAG_", "IOEVENTFD_FLAG_", "IRQ_ROUTING_", "PIT_SPEAKER_DUMMY", "GET_", "SET_", "CREATE_"),
    *("CHECK_", "REINJECT_", "IRQFD", "IOEVENTFD", "IRQ_LINE", "RUN", "ENABLE_CAP", "KVMCLOCK_CTRL"),
)


def _numbers() -> dict[str, int]:
    return {
        name: value
        for name, value in vars(abi).items()
        if isinstance(value, int)
        and any(name == prefix or (prefix.endswith("_") and name.startswith(prefix)) for prefix in _PREFIXED)
    }


def test_numbers_are_the_headers(tmp_path: Path) -> None:
    if not Path("/usr/include/linux/kvm.h").exists():
        pytest.skip("the kernel's headers are not installed")
    numbers = _numbers()
    lines = [f'printf("{name} %lu\\n", (unsigned long)KVM_{name});' for name in numbers]
    lines += [f'printf("{name} %lu\\n", (unsigned long)sizeof(struct {name}));' for name in _STRUCTURES]
    for name, member in (
        ("RUN_IMMEDIATE_EXIT", "immediate_exit"),
        ("RUN_EXIT_DATA", "io"),
    ):
        numbers[name] = getattr(abi, name)
        lines.append(f'printf("{name} %lu\\n", (unsigned long)offsetof(struct kvm_run, {member}));')
    source = tmp_path / "numbers.c"
    source.write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#include <linux/kvm.h>\nint main(void) {\n"
        + "\n".join(lines)
        + "\nreturn 0; }\n"
    )
    program = tmp_path / "numbers"
    subprocess.run(["gcc", "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    expected = {name: int(value) for name, value in (line.split() for line in output.splitlines())}
    ours = numbers | {name: ctypes.sizeof(structure) for name, structure in _STRUCTURES.items()}
    assert ours == expected


def leaf(function: int, **registers: int) -> CpuidEntry:
    values = {"index": 0, "flags": 0, "eax": 0, "ebx": 0, "ecx": 0, "edx": 0} | registers
    return CpuidEntry(function, **values)


SUPPORTED = [
    leaf(0, eax=0x1F),
    leaf(1, ebx=0x0A00_0B00, ecx=0xFFFF_FFFF, edx=0x1FFF_FFFF),
    leaf(4, eax=0xFC00_C121),
    leaf(7, ebx=0xFFFF_FFFF),
    leaf(0xB, ebx=99, flags=1),
    leaf(0x4000_0000, eax=0x4000_0001),
    leaf(0x4000_0001, eax=0x0100_FEFB),
    leaf(0x8000_0008, eax=0x302E),
]


def test_pvm_cpuid() -> None:
    leaves = pvm.PvmQuirks().cpuid(SUPPORTED)
    functions = [entry.function for entry in leaves]
    assert functions == [0, 1, 4, 0x4000_0000, 0x4000_0001, 0x8000_0008]
    assert leaves[0].eax == 4
    assert not leaves[1].ecx & (1 << 26 | 1 << 23 | 1 << 13)
    assert leaves[4].eax == 0x0100_000B


def test_other_hosts_keep_their_cpuid() -> None:
    quirks = Quirks()
    assert quirks.cpuid(SUPPORTED) == SUPPORTED
    assert quirks.linux_cmdline == ()
    assert quirks.pit_reinject


def test_a_descriptor_that_is_not_kvm() -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        with pytest.raises(KvmError, match="not /dev/kvm"):
            Kvm(fd)
    finally:
        os.close(fd)


@pytest.mark.kvm
def test_this_host() -> None:
    kvm = Kvm.open()
    try:
        assert kvm.max_vcpus >= 1
        assert {entry.function for entry in kvm.host_cpu().entries} >= {0, 1}
        assert kvm.msr_indices()
    finally:
        os.close(kvm.fd)


@pytest.mark.kvm
def test_event_descriptors_and_message_interrupts() -> None:
    """Routes and event descriptors can be put in and taken out again; what is not there cannot."""
    vm = Vm(Kvm.open())
    event = os.eventfd(0)
    try:
        vm.create_irqchip()
        vm.set_gsi_routing([MsiRoute(gsi=24, address=0xFEE0_0000, data=0x4041)])
        vm.irqfd(event, 24)
        vm.irqfd(event, 24, assign=False)
        for match in (None, 3):
            vm.ioeventfd(event, 0xD000_0000, 4, match=match)
            vm.ioeventfd(event, 0xD000_0000, 4, match=match, assign=False)
        vm.ioeventfd(event, 0x510, 2, pio=True)
        with pytest.raises(KvmError, match="KVM_IOEVENTFD"):
            vm.ioeventfd(event, 0x512, 2, pio=True, assign=False)
    finally:
        os.close(event)
        os.close(vm.fd)
        os.close(vm.kvm.fd)


class TestMemory:
    @pytest.mark.parametrize(
        ("size", "regions"),
        [
            (4096, [(0, 4096, 0)]),
            (3 * GIB, [(0, 3 * GIB, 0)]),
            (3 * GIB + 4096, [(0, 3 * GIB, 0), (4 * GIB, 4096, 3 * GIB)]),
        ],
    )
    def test_layout(self, size: int, regions: list[tuple[int, int, int]]) -> None:
        assert [(region.gpa, region.size, region.offset) for region in layout(size)] == regions

    def test_access_and_bounds(self) -> None:
        memory = GuestMemory(5 * GIB)
        memory.write(3 * GIB - 2, b"ab")
        memory.write(4 * GIB, b"cd")
        assert memory.read(3 * GIB - 2, 2) == b"ab"
        assert memory.view(4 * GIB, 2).tobytes() == b"cd"
        for gpa, length in ((3 * GIB - 1, 2), (6 * GIB, 1), (-1, 1), (0, -1), (3 * GIB, 1)):
            with pytest.raises(GuestMemoryError):
                memory.read(gpa, length)
        with pytest.raises(GuestMemoryError):
            memory.write(3 * GIB - 1, b"xy")
        assert memory.read(3 * GIB - 1, 1) == b"b"
        memory.clear()
        assert memory.read(4 * GIB, 2) == b"\0\0"

    @pytest.mark.parametrize("size", [0, -5, 1 << 70])
    def test_impossible_sizes(self, size: int) -> None:
        with pytest.raises(GuestMemoryError):
            GuestMemory(size)

    def test_a_file_that_ends_early(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"12345")
        memory = GuestMemory(4096)
        fd = os.open(path, os.O_RDONLY)
        try:
            memory.read_from_fd(8, fd, 4, 1)
            assert memory.read(8, 5) == b"2345\0"
            with pytest.raises(GuestMemoryError, match="ends 1 bytes early"):
                memory.read_from_fd(0, fd, 6)
        finally:
            os.close(fd)
