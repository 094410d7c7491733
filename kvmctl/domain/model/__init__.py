"""The domain as frozen dataclasses, and where each field lives in the XML (formatdomain): a file a part.

Units are normalised: memory is in bytes. Change a domain with dataclasses.replace.
"""

from kvmctl.domain.model.address import Address, PanicAddress, PortAddress
from kvmctl.domain.model.channel import Channel
from kvmctl.domain.model.chardev import Chardev, ChardevLog, CharSource
from kvmctl.domain.model.clock import Clock, Timer
from kvmctl.domain.model.controller import Controller
from kvmctl.domain.model.cpu import Cpu, CpuCache, CpuFeature, MaxPhysAddr, NumaCell, Sibling, Topology
from kvmctl.domain.model.cputune import Cputune, EmulatorPin, EmulatorSched, VcpuPin, VcpuSched
from kvmctl.domain.model.devices import Devices
from kvmctl.domain.model.disk import Disk, IoTune
from kvmctl.domain.model.domain import Domain
from kvmctl.domain.model.features import AbsentFeature, Apic, Features, FeatureState
from kvmctl.domain.model.filesystem import Filesystem
from kvmctl.domain.model.interface import GuestOffloads, HostOffloads, Interface
from kvmctl.domain.model.memballoon import Memballoon
from kvmctl.domain.model.memory import HugePage, Hugepages, Memnode, MemoryBacking, Memtune, Numatune
from kvmctl.domain.model.os import Boot, Os
from kvmctl.domain.model.panic import Panic
from kvmctl.domain.model.pm import Pm
from kvmctl.domain.model.quirks import Quirks
from kvmctl.domain.model.rng import Rng
from kvmctl.domain.model.seclabel import Seclabel
from kvmctl.domain.model.shared import Present
from kvmctl.domain.model.sysinfo import BiosEntry, OemString, Sysinfo, SystemEntry
from kvmctl.domain.model.vcpu import VcpuState
from kvmctl.domain.model.vsock import Vsock
from kvmctl.domain.model.watchdog import Watchdog

__all__ = [
    "AbsentFeature",
    "Address",
    "Apic",
    "BiosEntry",
    "Boot",
    "Channel",
    "CharSource",
    "Chardev",
    "ChardevLog",
    "Clock",
    "Controller",
    "Cpu",
    "CpuCache",
    "CpuFeature",
    "Cputune",
    "Devices",
    "Disk",
    "Domain",
    "EmulatorPin",
    "EmulatorSched",
    "FeatureState",
    "Features",
    "Filesystem",
    "GuestOffloads",
    "HostOffloads",
    "HugePage",
    "Hugepages",
    "Interface",
    "IoTune",
    "MaxPhysAddr",
    "Memballoon",
    "Memnode",
    "MemoryBacking",
    "Memtune",
    "NumaCell",
    "Numatune",
    "OemString",
    "Os",
    "Panic",
    "PanicAddress",
    "Pm",
    "PortAddress",
    "Present",
    "Quirks",
    "Rng",
    "Seclabel",
    "Sibling",
    "Sysinfo",
    "SystemEntry",
    "Timer",
    "Topology",
    "VcpuPin",
    "VcpuSched",
    "VcpuState",
    "Vsock",
    "Watchdog",
]
