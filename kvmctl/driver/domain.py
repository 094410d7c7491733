"""The domain object: what the driver knows of one domain, running or not."""

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any
from uuid import UUID

from kvmctl.domain import Domain, inactive
from kvmctl.driver.constants import AffectFlags, DiskError, PausedReason, RunningReason, ShutoffReason, State
from kvmctl.driver.errors import failure, not_running
from kvmctl.driver.jobs import JobLock
from kvmctl.driver.kvmstats import Catalogue
from kvmctl.driver.monitor import Monitor, MonitorClosed
from kvmctl.driver.rpc import Connection, ErrorCode
from kvmctl.driver.store import uuid_of
from kvmctl.driver.vmprocess import VmProcess


@dataclass(slots=True)
class Run:
    """One life of a guest, from the start of its process to the end."""

    process: VmProcess
    monitor: Monitor | None = None
    destroying: bool = False
    panicked: bool = False
    rebooting: bool = False
    """Whether the guest's next power-off is a reboot that a client asked for."""
    pause_reason: PausedReason = PausedReason.UNKNOWN
    """Why the next STOP event comes, where an earlier event has said so."""
    shutdown_reason: str | None = None
    autodestroy: bool = False
    owner: Connection | None = None
    watcher: asyncio.Task[None] | None = None
    reboot: asyncio.Task[None] | None = None
    disk_errors: dict[str, DiskError] = field(default_factory=dict)
    """The last error of each disk since the guest was resumed, by target."""
    agent_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    agent_seconds: float | None = None
    """How long the guest agent may take for an answer; None: for ever, as by default in libvirt."""
    known_commands: frozenset[str] | None = None
    vcpu_threads: dict[int, int] | None = None
    catalogue: Catalogue | None = None


class DomainObject:
    """A domain's definitions and its state.

    ``config`` is the persistent definition, which the next start uses; ``live`` is the one of the running
    guest. A transient
    domain has only ``live``. Changes happen in a ``job``, one at a time.
    """

    def __init__(self, *, config: Domain | None = None, live: Domain | None = None) -> None:
        self.config = config
        self.live = live
        self.autostart = False
        self.state = State.SHUTOFF
        self.reason: IntEnum = ShutoffReason.UNKNOWN
        self.run: Run | None = None
        self.jobs = JobLock()
        self.job = self.jobs.job
        self.uninterrupted = self.jobs.uninterrupted
        self.removed = False
        self.uuid: UUID = uuid_of(self.definition)

    @property
    def definition(self) -> Domain:
        """The live definition of a running domain, else the persistent one."""
        definition = self.live or self.config
        if definition is None:
            raise failure(ErrorCode.INTERNAL_ERROR, "domain has no definition")
        return definition

    @property
    def inactive_definition(self) -> Domain:
        """What the next start would use; a transient domain answers with what runs."""
        return self.config or self.definition

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def id(self) -> int:
        """The id while running, -1 otherwise, as on the wire."""
        return self.live.id if self.live is not None and self.live.id is not None else -1

    @property
    def active(self) -> bool:
        return self.run is not None

    @property
    def persistent(self) -> bool:
        return self.config is not None

    @property
    def updated(self) -> bool:
        """Whether the next start would use another definition than this run did."""
        return self.live is not None and self.config is not None and inactive(self.live) != self.config

    def set_state(self, state: State, reason: IntEnum) -> None:
        self.state, self.reason = state, reason

    def require_present(self) -> None:
        """For who has waited: the domain may have been undefined, or have ended, meanwhile."""
        if self.removed:
            raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching uuid '{self.uuid}' ({self.name})")

    def require_run(self) -> Run:
        if self.run is None:
            raise not_running()
        return self.run

    def require_monitor(self) -> Monitor:
        """The QMP connection; missing when an adopted VMM does not answer."""
        monitor = self.require_run().monitor
        if monitor is None:
            raise failure(ErrorCode.OPERATION_FAILED, f"the monitor of domain '{self.name}' does not answer")
        return monitor

    def affected(self, flags: int) -> tuple[bool, bool]:
        """Whether a change is for the live and for the persistent definition
        (virDomainModificationImpact)."""
        wanted = AffectFlags(flags & (AffectFlags.LIVE | AffectFlags.CONFIG))
        if not wanted:
            return (True, False) if self.active else (False, True)
        if AffectFlags.LIVE in wanted:
            self.require_run()
        if AffectFlags.CONFIG in wanted and not self.persistent:
            raise failure(ErrorCode.OPERATION_INVALID, "transient domains do not have any persistent config")
        return AffectFlags.LIVE in wanted, AffectFlags.CONFIG in wanted

    def queried(self, flags: int) -> Domain:
        """The definition that a query is about, which is one of the two."""
        if flags & AffectFlags.LIVE and flags & AffectFlags.CONFIG:
            raise failure(
                ErrorCode.INVALID_ARG,
                "flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive",
            )
        _live, config = self.affected(flags)
        return self.inactive_definition if config else self.definition

    async def execute(self, command: str, **arguments: object) -> Any:
        """Run a QMP command of the guest's VMM."""
        try:
            return await self.require_monitor().execute(command, **arguments)
        except MonitorClosed as error:
            raise failure(ErrorCode.OPERATION_FAILED, f"domain '{self.name}' ended meanwhile") from error

    async def commands(self) -> frozenset[str]:
        """The names of the QMP commands that the guest's machine has."""
        run = self.require_run()
        if run.known_commands is None:
            answer = await self.execute("query-commands")
            run.known_commands = frozenset(str(command["name"]) for command in answer)
        return run.known_commands


_REASONS: dict[State, type[IntEnum]] = {
    State.RUNNING: RunningReason,
    State.PAUSED: PausedReason,
    State.SHUTOFF: ShutoffReason,
}


def reason_of(state: State, number: int) -> IntEnum:
    """The reason that a number stands for in a state; unknown numbers are 'unknown'."""
    kind = _REASONS.get(state, RunningReason)
    try:
        return kind(number)
    except ValueError:
        return kind(0)
