"""The processor of one guest: its topology, and what each vCPU is to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kvmctl.backends.cpu import choice_of, wish_of
from kvmctl.host.cpumodel import CpuidEntry, HostCpu, guest_entries, guest_msrs
from kvmctl.host.cpumodel.choice import OURS
from kvmctl.host.cpumodel.cpuid import KVM_FEATURES_LEAF, KVM_SIGNATURE_LEAF, physical_bits
from kvmctl.host.cpumodel.features import present
from kvmctl.vmm.cpu import caches
from kvmctl.vmm.cpu.leaves import LEAF1_ECX_HYPERVISOR, LEAF1_ECX_TSC_DEADLINE, for_vcpu
from kvmctl.vmm.cpu.topology import LAST_APIC_ID, Topology
from kvmctl.vmm.timekeeping import has_kvmclock

if TYPE_CHECKING:
    from kvmctl.domain import Domain

_PERFORMANCE_LEAF: Final = 0xA
_ADDRESS_SIZES: Final = 0x8000_0008

# Linux Documentation/virt/kvm/x86/cpuid.rst
_KVM_CLOCK: Final = 1 << 0 | 1 << 3 | 1 << 24
"""KVM_FEATURE_CLOCKSOURCE, its successor, and that both are stable."""
_KVM_PV_EOI: Final = 1 << 6
_KVM_PV_UNHALT: Final = 1 << 7
_KVM_PV_IPI: Final = 1 << 11
_KVM_POLL_CONTROL: Final = 1 << 12
_KVM_HINTS_REALTIME: Final = 1 << 0


class GuestCpuError(Exception):
    """A processor that cannot be built; ``str()`` says why."""


class GuestCpu:
    """Raises Unsupported for what the host lacks, GuestCpuError for what cannot be."""

    def __init__(
        self,
        domain: Domain,
        host: HostCpu,
        quirks: Callable[[Iterable[CpuidEntry]], list[CpuidEntry]],
    ) -> None:
        self.topology = topology_of(domain)
        self.present = domain.present_vcpus
        last = max(map(self.topology.apic_id, range(domain.vcpus)))
        if last > LAST_APIC_ID:
            raise GuestCpuError(f"the CPU topology needs APIC ids up to {last}, {LAST_APIC_ID} is the last")
        self._host = host
        self._choice = choice_of(domain, host)
        entries = [_with_monitors_own(entry, self._choice.features) for entry in self._wanted(domain)]
        self._entries = quirks(entries)
        self.msrs = guest_msrs(self._choice, host)
        if wish_of(domain).check == "full":
            self._check_all()

    def _wanted(self, domain: Domain) -> list[CpuidEntry]:
        entries = [_with_paravirtual(entry, domain) for entry in guest_entries(self._choice, self._host)]
        cpu = domain.cpu
        if domain.features.kvm_hidden:
            entries = [entry for entry in entries if not _is_kvm(entry)]
        if domain.features.pmu is not None:
            entries = [entry for entry in entries if entry.function != _PERFORMANCE_LEAF]
            if domain.features.pmu.state:
                own = self._host.entries
                entries += [entry for entry in own if entry.function == _PERFORMANCE_LEAF]
        if cpu is None:
            return entries
        if cpu.cache is not None and cpu.cache.mode == "disable":
            entries = caches.without(entries)
        elif cpu.cache is not None and cpu.cache.mode == "emulate":
            entries = caches.emulated(entries)
        if cpu.vendor_id is not None:
            entries = [_with_vendor(entry, cpu.vendor_id) for entry in entries]
        if cpu.maxphysaddr is not None and cpu.maxphysaddr.bits is not None:
            entries = [_with_address_bits(entry, cpu.maxphysaddr.bits) for entry in entries]
        return entries

    def _check_all(self) -> None:
        hidden = self._choice.features - OURS - present(self._entries, self._shown_msrs())
        if hidden:
            names = ", ".join(sorted(hidden))
            raise GuestCpuError(f"the guest's CPU would lack required features on this host: {names}")

    def _shown_msrs(self) -> dict[int, int]:
        return {**self._host.msrs, **self.msrs}

    @property
    def physical_bits(self) -> int:
        return physical_bits(self._entries)

    def entries(self, index: int) -> list[CpuidEntry]:
        """The CPUID of a vCPU."""
        return for_vcpu(self._entries, self.topology, index)


def topology_of(domain: Domain) -> Topology:
    """Without a <topology>: one socket, whose cores are the vCPUs."""
    given = domain.cpu.topology if domain.cpu is not None else None
    if given is None:
        return Topology(cores=domain.vcpus)
    if given.vcpus != domain.vcpus:
        raise GuestCpuError("the CPU topology does not match the maximum of vCPUs")
    return Topology(given.sockets, given.dies or 1, given.cores, given.threads)


def _with_monitors_own(entry: CpuidEntry, features: frozenset[str]) -> CpuidEntry:
    """What KVM does not list: that there is a hypervisor, and its own APIC's timer."""
    if entry.function != 1:
        return entry
    ecx = entry.ecx & ~(LEAF1_ECX_HYPERVISOR | LEAF1_ECX_TSC_DEADLINE)
    if "hypervisor" in features:
        ecx |= LEAF1_ECX_HYPERVISOR
    if "tsc-deadline" in features:
        ecx |= LEAF1_ECX_TSC_DEADLINE
    return replace(entry, ecx=ecx)


def _is_kvm(entry: CpuidEntry) -> bool:
    return KVM_SIGNATURE_LEAF <= entry.function < KVM_SIGNATURE_LEAF + 0x100


def _with_paravirtual(entry: CpuidEntry, domain: Domain) -> CpuidEntry:
    if entry.function != KVM_FEATURES_LEAF:
        return entry
    features = domain.features
    eax, edx = entry.eax, entry.edx
    states = (
        (_KVM_CLOCK, has_kvmclock(domain.clock)),
        (_KVM_PV_EOI, features.apic.eoi if features.apic is not None else None),
        (_KVM_PV_UNHALT, features.pvspinlock.state if features.pvspinlock is not None else None),
        (_KVM_PV_IPI, features.kvm_pv_ipi),
        (_KVM_POLL_CONTROL, features.kvm_poll_control),
    )
    for bit, state in states:
        if state is False:
            eax &= ~bit
    if features.kvm_hint_dedicated:
        edx |= _KVM_HINTS_REALTIME
    return replace(entry, eax=eax, edx=edx)


def _with_vendor(entry: CpuidEntry, vendor: str) -> CpuidEntry:
    if entry.function not in (0, 0x8000_0000) or (entry.function and not entry.ebx):
        return entry
    ebx, edx, ecx = (int.from_bytes(vendor.encode()[at : at + 4], "little") for at in (0, 4, 8))
    return replace(entry, ebx=ebx, ecx=ecx, edx=edx)


def _with_address_bits(entry: CpuidEntry, bits: int) -> CpuidEntry:
    if entry.function != _ADDRESS_SIZES:
        return entry
    own = entry.eax & 0xFF
    if bits > own:
        raise GuestCpuError(f"{bits} bits of physical addresses are more than the host's {own}")
    return replace(entry, eax=entry.eax & ~0xFF | bits)
