"""A guest's processor: what CPUID tells each vCPU, and where it lies among the others."""

from kvmctl.vmm.cpu.guest import GuestCpu, GuestCpuError, topology_of
from kvmctl.vmm.cpu.topology import Position, Topology

__all__ = ["GuestCpu", "GuestCpuError", "Position", "Topology", "topology_of"]
