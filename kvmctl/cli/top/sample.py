"""The figures: one call to libvirt for all guests, /proc for their processes, rates between two samples.

What is dear is read in turn, within a budget of each refresh: PSS and the waiting times of the virtual CPUs'
threads from /proc, and libvirt's figures of virtual CPUs, for which a daemon asks each guest's monitor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import libvirt
import psutil

from ..connection import Connection, Domain
from ..states import state_name
from . import process

_FAST = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
_VCPUS_A_REFRESH = 10
_BUDGET_SECONDS = 0.006
"""Of each refresh, for what is read in turn."""


@dataclass(frozen=True, slots=True)
class Host:
    """Percent of all CPUs; memory in bytes."""

    cpus: int
    busy: float
    steal: float
    load: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class ThreadRate:
    tid: int
    name: str
    cpu: float
    wait: float
    host_cpu: int


@dataclass(frozen=True, slots=True)
class DeviceRate:
    """A disk (read and written) or a network card (received and sent); bytes and requests a second."""

    kind: str
    name: str
    source: str
    bytes_in: float
    bytes_out: float
    requests_in: float
    requests_out: float
    queues: int = 1


@dataclass(slots=True)
class Guest:
    """One running guest. Percent of one CPU, bytes, bytes a second, seconds; None is what cannot be known."""

    name: str
    uuid: str
    id: int
    state: str
    pid: int | None = None
    user: str | None = None
    cpu: float = 0.0
    steal: float | None = None
    vcpus: int | None = None
    memory: int = 0
    rss: int | None = None
    pss: int | None = None
    disk_read: float | None = None
    disk_write: float | None = None
    net_in: float | None = None
    net_out: float | None = None
    uptime: float | None = None
    exits: float | None = None
    exits_by_kind: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detail:
    """What only the guest that is looked at is asked for."""

    guest: Guest
    threads: list[ThreadRate]
    devices: list[DeviceRate]
    log: list[str]


class Rate:
    """Counters of one guest, as rates a second between the two last times that they were read."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float, float]] = {}

    def __call__(self, name: str, value: float, now: float) -> float:
        """Zero at first, and after a counter has begun anew."""
        last = self._seen.get(name)
        rate = 0.0
        if last is not None:
            then, before, old = last
            rate = max(0.0, value - before) / (now - then) if now > then else old
        self._seen[name] = (now, value, rate)
        return rate


@dataclass(slots=True)
class _Track:
    """What is kept of a guest from one sample to the next."""

    rate: Rate = field(default_factory=Rate)
    pid: int | None = None
    user: str | None = None
    pss: int | None = None
    steal: float | None = None
    vcpus: int | None = None
    exits: dict[str, float] = field(default_factory=dict)
    counted: bool = False
    """The driver counts its exits, so that KVM need not be asked."""


class Sampler:
    """Asks a connection and /proc for all running guests."""

    def __init__(self, connection: Connection, finder: process.Finder) -> None:
        self._connection = connection
        self._finder = finder
        self._tracks: dict[str, _Track] = {}
        self._turn = 0
        self._vcpu_turn = 0
        self.domains: dict[str, Domain] = {}
        """By UUID, of the last sample."""
        psutil.cpu_times_percent()  # the first answer counts from boot

    def host(self) -> Host:
        times = psutil.cpu_times_percent()
        memory = psutil.virtual_memory()
        return Host(
            cpus=psutil.cpu_count() or 1,
            busy=max(0.0, 100.0 - times.idle - getattr(times, "iowait", 0.0)),
            steal=getattr(times, "steal", 0.0),
            load=os.getloadavg()[0],
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
        )

    def sample(self) -> list[Guest]:
        """All running guests; raises libvirtError when the connection is lost."""
        records = self._connection.getAllDomainStats(_FAST, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE)
        now, boot = time.monotonic(), process.boot_clock()
        guests = []
        self.domains = {}
        for domain, stats in records:
            guest = self._guest(domain, stats, now, boot)
            self.domains[guest.uuid] = domain
            guests.append(guest)
        for uuid in self._tracks.keys() - self.domains.keys():
            del self._tracks[uuid]
            self._finder.forget(uuid)
        self._in_turn(guests)
        self._vcpus_in_turn(guests)
        for guest in guests:
            self._add_kept(guest)
        return guests

    def _guest(self, domain: Domain, stats: Mapping[str, Any], now: float, boot: float) -> Guest:
        uuid = domain.UUIDString()
        track = self._tracks.setdefault(uuid, _Track())
        rate = track.rate
        guest = Guest(domain.name(), uuid, domain.ID(), state_name(stats.get("state.state", 0)))
        track.pid = self._finder.pid(guest.name, uuid)
        times = process.times(track.pid, boot) if track.pid is not None else None
        if times is not None:
            guest.cpu = 100 * rate("cpu", times.cpu, now)
            guest.uptime = times.age
        else:
            if track.pid is not None:
                # It has ended, or started again as another process.
                self._finder.forget(uuid)
                self._tracks[uuid] = track = _Track()
            guest.cpu = 100 * rate("time", stats.get("cpu.time", 0) / 1e9, now)
        guest.memory = stats.get("balloon.current", 0) * 1024
        rss = stats.get("balloon.rss")
        guest.rss = rss * 1024 if rss is not None else None
        guest.disk_read = _sum(rate, stats, "block", "rd.bytes", now)
        guest.disk_write = _sum(rate, stats, "block", "wr.bytes", now)
        guest.net_in = _sum(rate, stats, "net", "rx.bytes", now)
        guest.net_out = _sum(rate, stats, "net", "tx.bytes", now)
        return guest

    def _add_kept(self, guest: Guest) -> None:
        track = self._tracks[guest.uuid]
        guest.pid, guest.pss, guest.steal, guest.vcpus = track.pid, track.pss, track.steal, track.vcpus
        if track.pid is not None and track.user is None:
            track.user = process.user(track.pid)
        guest.user = track.user
        if track.exits:
            guest.exits_by_kind = dict(track.exits)
            guest.exits = track.exits.get("exits", sum(track.exits.values()))

    def _in_turn(self, guests: list[Guest]) -> None:
        """PSS and waiting times of as many guests as the budget allows, one at least."""
        end = time.monotonic() + _BUDGET_SECONDS
        for _ in range(len(guests)):
            self._turn = (self._turn + 1) % len(guests)
            track = self._tracks[guests[self._turn].uuid]
            if track.pid is not None:
                track.pss = process.pss(track.pid)
                track.steal = self._steal(track, process.threads(track.pid))
                if not track.counted:
                    _take_exits(track, process.exits(track.pid), time.monotonic())
            if time.monotonic() >= end:
                return

    def _steal(self, track: _Track, threads: list[process.Thread]) -> float | None:
        """Percent of one CPU that the virtual CPUs wanted and did not get."""
        waited = [thread.waited for thread in threads if process.vcpu_number(thread.name) is not None]
        return 100 * track.rate("waited", sum(waited), time.monotonic()) if waited else None

    def _vcpus_in_turn(self, guests: list[Guest]) -> None:
        if not guests:
            return
        count = min(_VCPUS_A_REFRESH, len(guests))
        chosen = [guests[(self._vcpu_turn + i) % len(guests)].uuid for i in range(count)]
        self._vcpu_turn = (self._vcpu_turn + count) % len(guests)
        for domain, stats in self._vcpu_stats([self.domains[uuid] for uuid in chosen]):
            track = self._tracks.get(domain.UUIDString())
            if track is not None:
                _take_vcpus(track, stats, time.monotonic())

    def _vcpu_stats(self, domains: list[Domain]) -> list[tuple[Domain, dict[str, Any]]]:
        try:
            found: list[tuple[Domain, dict[str, Any]]] = self._connection.domainListGetStats(
                domains, libvirt.VIR_DOMAIN_STATS_VCPU
            )
            return found
        except libvirt.libvirtError:
            return []  # one of them has just ended, or the driver has no such figures

    def detail(self, guest: Guest, log: list[str]) -> Detail:
        """Threads and devices of one guest, with rates since the last time."""
        track = self._tracks.get(guest.uuid, _Track())
        now = time.monotonic()
        threads = [
            ThreadRate(
                thread.tid,
                thread.name,
                100 * track.rate(f"thread {thread.tid} cpu", thread.cpu, now),
                100 * track.rate(f"thread {thread.tid} wait", thread.waited, now),
                thread.host_cpu,
            )
            for thread in (process.threads(guest.pid) if guest.pid is not None else ())
        ]
        return Detail(guest, threads, self._devices(guest, track, now), log)

    def _devices(self, guest: Guest, track: _Track, now: float) -> list[DeviceRate]:
        domain = self.domains.get(guest.uuid)
        groups = libvirt.VIR_DOMAIN_STATS_INTERFACE | libvirt.VIR_DOMAIN_STATS_BLOCK
        try:
            [(_, stats)] = self._connection.domainListGetStats([domain], groups) if domain else [(None, {})]
            queues = _queues(domain) if domain else {}
        except (libvirt.libvirtError, ValueError):
            return []
        devices = []
        for kind, read, written in (("block", "rd", "wr"), ("net", "rx", "tx")):
            requests = "reqs" if kind == "block" else "pkts"
            for number in range(stats.get(f"{kind}.count", 0)):
                prefix = f"{kind}.{number}."
                bytes_in, bytes_out, requests_in, requests_out = (
                    track.rate(f"one {prefix}{way}.{what}", stats.get(f"{prefix}{way}.{what}", 0), now)
                    for what in ("bytes", requests)
                    for way in (read, written)
                )
                name, source = stats.get(prefix + "name", "?"), stats.get(prefix + "path", "")
                what = "disk" if kind == "block" else "net"
                rates = (bytes_in, bytes_out, requests_in, requests_out)
                devices.append(DeviceRate(what, name, source, *rates, queues.get(name, 1)))
        return devices


def _queues(domain: Domain) -> dict[str, int]:
    """How many queues each disk and network card has, by its target (formatdomain, <driver queues='…'>)."""
    found = {}
    for path in ("disk", "interface"):
        for device in ElementTree.fromstring(domain.XMLDesc()).findall(f"devices/{path}"):
            target, driver = device.find("target"), device.find("driver")
            if target is not None and driver is not None:
                found[target.get("dev", "")] = int(driver.get("queues", "1"))
    return found


def _sum(rate: Rate, stats: Mapping[str, Any], kind: str, what: str, now: float) -> float | None:
    """Of all devices of a kind; None where the driver does not count them."""
    count = stats.get(f"{kind}.count")
    if count is None:
        return None
    names = [f"{kind}.{number}.{what}" for number in range(count)]
    return sum((rate(name, stats.get(name, 0), now) for name in names), 0.0)


def _take_vcpus(track: _Track, stats: Mapping[str, Any], now: float) -> None:
    track.vcpus = stats.get("vcpu.current", track.vcpus)
    totals: dict[str, int] = {}
    for name, value in stats.items():
        # KVM's binary statistics, in the drivers that pass them on: vcpu.0.io_exits.sum
        if name.endswith("exits.sum"):
            kind = name.split(".", 2)[2].removesuffix(".sum")
            totals[kind] = totals.get(kind, 0) + int(value)
    track.counted = bool(totals)
    if totals:
        _take_exits(track, totals, now)


def _take_exits(track: _Track, totals: Mapping[str, int], now: float) -> None:
    for kind, total in totals.items():
        track.exits[kind] = track.rate(f"exits {kind}", total, now)
