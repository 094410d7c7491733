# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Element and attribute overview"."""

from dataclasses import dataclass
from uuid import UUID

from kvmctl.domain.binding import always, flags, one, size, value, verbatim
from kvmctl.domain.codecs import LINE, TEXT, UINT, UUID_TEXT, choice
from kvmctl.domain.model.clock import Clock
from kvmctl.domain.model.devices import Devices
from kvmctl.domain.model.os import Os
from kvmctl.domain.model.quirks import Quirks
from kvmctl.domain.model.sysinfo import Sysinfo
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
    memory: int = size("memory")
    current_memory: int | None = size("currentMemory", default=None)
    vcpus: int = value("vcpu", UINT, default=1)
    vcpu_placement: str = value("vcpu/@placement", choice("static"), default="static")
    vcpus_current: int | None = value("vcpu/@current", UINT, default=None)
    sysinfo: Sysinfo | None = one("sysinfo", Sysinfo, default=None)
    os: Os = one("os", Os, default=Os(), stated=True)
    features: tuple[str, ...] = flags("features", "acpi", "apic", "pae")
    clock: Clock = one("clock", Clock, default=Clock())
    on_poweroff: str = value("on_poweroff", _LIFECYCLE, default="destroy")
    on_reboot: str = value("on_reboot", _LIFECYCLE, default="restart")
    on_crash: str = value("on_crash", _LIFECYCLE, default="destroy")
    devices: Devices = one("devices", Devices, default=Devices())
    quirks: Quirks | None = one(f"{{{NAMESPACE}}}quirks", Quirks, default=None)

    @property
    def clock_offset(self) -> str:
        return self.clock.offset
