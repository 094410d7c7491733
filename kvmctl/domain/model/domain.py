# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Element and attribute overview"."""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from kvmctl.domain.binding import always, group, many, one, size, value, verbatim
from kvmctl.domain.codecs import ABSOLUTE_PATH, LINE, TEXT, UINT, UUID_TEXT, choice
from kvmctl.domain.cpuset import CPU_SET
from kvmctl.domain.model.clock import Clock
from kvmctl.domain.model.cpu import Cpu
from kvmctl.domain.model.cputune import Cputune
from kvmctl.domain.model.devices import Devices
from kvmctl.domain.model.features import Features
from kvmctl.domain.model.memory import MemoryBacking, Memtune, Numatune
from kvmctl.domain.model.os import Os
from kvmctl.domain.model.pm import Pm
from kvmctl.domain.model.quirks import Quirks
from kvmctl.domain.model.seclabel import Seclabel
from kvmctl.domain.model.sysinfo import Sysinfo
from kvmctl.domain.model.vcpu import VcpuState
from kvmctl.domain.names import NAMESPACE

_LIFECYCLE = choice("destroy", "restart", "preserve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """formatdomain, "Element and attribute overview"."""

    type: str = value("@type", choice("kvm"), default="kvm", stated=True)
    id: int | None = value("@id", UINT, default=None, live=always)
    name: str = value("name", TEXT)
    uuid: UUID | None = value("uuid", UUID_TEXT, default=None)
    title: str | None = value("title", LINE, default=None)
    description: str | None = value("description", TEXT, default=None)
    metadata: str | None = verbatim("metadata")
    memory: int = size("memory", default=0)
    """Bytes; where the XML does not say, those of the NUMA cells."""
    current_memory: int | None = size("currentMemory", default=None)
    memtune: Memtune = group("memtune", Memtune)
    memory_backing: MemoryBacking = group("memoryBacking", MemoryBacking)
    vcpus: int = value("vcpu", UINT, default=1)
    vcpu_placement: str = value("vcpu/@placement", choice("static"), default="static")
    vcpu_cpuset: frozenset[int] | None = value("vcpu/@cpuset", CPU_SET, default=None)
    """The host's processors of all threads that no pin names."""
    vcpus_current: int | None = value("vcpu/@current", UINT, default=None)
    vcpu_states: tuple[VcpuState, ...] = many("vcpus/vcpu", VcpuState)
    cputune: Cputune = group("cputune", Cputune)
    numatune: Numatune = group("numatune", Numatune)
    partition: str | None = value("resource/partition", ABSOLUTE_PATH, default=None)
    """Where the guest's control group is made; None for the driver's own place."""
    sysinfo: Sysinfo | None = one("sysinfo", Sysinfo, default=None)
    os: Os = one("os", Os, default=Os(), stated=True)
    features: Features = group("features", Features)
    cpu: Cpu | None = one("cpu", Cpu, default=None)
    clock: Clock = one("clock", Clock, default=Clock())
    on_poweroff: str = value("on_poweroff", _LIFECYCLE, default="destroy")
    on_reboot: str = value("on_reboot", _LIFECYCLE, default="restart")
    on_crash: str = value("on_crash", _LIFECYCLE, default="destroy")
    pm: Pm = group("pm", Pm)
    devices: Devices = one("devices", Devices, default=Devices())
    seclabels: tuple[Seclabel, ...] = many("seclabel", Seclabel)
    quirks: Quirks | None = one(f"{{{NAMESPACE}}}quirks", Quirks, default=None)

    def after_parse(self) -> Self:
        if self.memory == 0 and self.cpu is not None and self.cpu.cells:
            return replace(self, memory=self.cpu.cells_memory)
        return self

    @property
    def present_vcpus(self) -> tuple[int, ...]:
        """The vCPUs that the guest starts with: the first ones, where <vcpus> does not say otherwise."""
        current = self.vcpus if self.vcpus_current is None else self.vcpus_current
        stated = {state.id: state.enabled for state in self.vcpu_states}
        return tuple(vcpu for vcpu in range(self.vcpus) if stated.get(vcpu, vcpu < current))
