"""Whether guests can run on this host, and what they would miss: one check a line."""

from kvmctl.host.doctor.check import Check, Level
from kvmctl.host.doctor.kvm import kvm_checks
from kvmctl.host.doctor.programs import program_checks
from kvmctl.host.doctor.system import system_checks

__all__ = ["Check", "Level", "kvm_checks", "program_checks", "system_checks"]
