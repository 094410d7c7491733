"""Where the networks' files are, beside the domains'."""

from dataclasses import dataclass
from pathlib import Path

from kvmctl.driver.paths import Paths


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    definitions: Path
    run: Path
    leases: Path
    """What dnsmasq has given out; it outlives the host's reboot, so that guests keep their addresses."""

    @classmethod
    def of(cls, paths: Paths) -> "NetworkFiles":
        return cls(paths.definitions / "networks", paths.run / "networks", paths.cache / "networks")

    def create(self) -> None:
        for directory in (self.definitions, self.autostart, self.run, self.leases):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def autostart(self) -> Path:
        return self.definitions / "autostart"

    def definition(self, name: str) -> Path:
        return self.definitions / f"{name}.xml"

    def autostart_link(self, name: str) -> Path:
        return self.autostart / f"{name}.xml"

    def status(self, name: str) -> Path:
        return self.run / f"{name}.xml"

    def dnsmasq_config(self, name: str) -> Path:
        return self.run / f"{name}.conf"

    def dnsmasq_pid(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def lease_file(self, name: str) -> Path:
        return self.leases / f"{name}.leases"

    def remove_run_files(self, name: str) -> None:
        for path in (self.dnsmasq_config(name), self.dnsmasq_pid(name), self.status(name)):
            path.unlink(missing_ok=True)
