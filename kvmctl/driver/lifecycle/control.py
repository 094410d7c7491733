"""What is done to a running guest: paused, resumed, asked to end, made to."""

from kvmctl.driver.agent import ask
from kvmctl.driver.constants import PausedReason, ShutoffReason, State
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.errors import failure
from kvmctl.driver.lifecycle.end import Ending
from kvmctl.driver.lifecycle.guest_events import paused, resumed
from kvmctl.driver.lifecycle.parts import Parts
from kvmctl.driver.rpc import ErrorCode


class Control:
    def __init__(self, parts: Parts, ending: Ending) -> None:
        self._parts = parts
        self._ending = ending

    async def suspend(self, domain: DomainObject) -> None:
        async with domain.job():
            domain.require_run()
            if domain.state == State.PAUSED:
                return
            if domain.state != State.RUNNING:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            await domain.execute("stop")
            paused(self._parts, domain, PausedReason.USER)
            self._parts.save_status(domain)

    async def resume(self, domain: DomainObject) -> None:
        async with domain.job():
            domain.require_run()
            if domain.state == State.RUNNING:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is already running")
            if domain.state != State.PAUSED:
                raise failure(
                    ErrorCode.OPERATION_INVALID, "the guest has ended; reset it before it can go on"
                )
            await domain.execute("cont")
            domain.require_run().disk_errors.clear()
            resumed(self._parts, domain)
            self._parts.save_status(domain)

    async def reset(self, domain: DomainObject) -> None:
        async with domain.job():
            await domain.execute("system_reset")

    async def shutdown(self, domain: DomainObject, *, reboot: bool = False) -> None:
        """Press the power button. With ``reboot`` the guest that powers itself off is started anew."""
        async with domain.job():
            run = domain.require_run()
            if domain.state not in (State.RUNNING, State.PAUSED):
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            if "system_powerdown" not in await domain.commands():
                verb = "reboot" if reboot else "shut down"
                other = "reset" if reboot else "destroy"
                raise failure(
                    ErrorCode.OPERATION_UNSUPPORTED,
                    f"the machine of domain '{domain.name}' has no ACPI power button "
                    f"to ask the guest to {verb} with; {other} it instead",
                )
            await self._plan_power_off(domain, run, reboot=reboot)
            await domain.execute("system_powerdown")

    async def ask_agent(self, domain: DomainObject, mode: str) -> None:
        """Have the guest's agent end it: by ``powerdown`` or ``reboot``."""
        async with domain.job():
            run = domain.require_run()
            if domain.state not in (State.RUNNING, State.PAUSED):
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            await self._plan_power_off(domain, run, reboot=mode == "reboot")
            await ask(domain, "guest-shutdown", {"mode": mode}, silent=True)

    async def _plan_power_off(self, domain: DomainObject, run: Run, *, reboot: bool) -> None:
        """A reboot is a power-off after which the daemon resets the paused machine and lets it go on."""
        if run.rebooting != reboot:
            if domain.definition.on_poweroff == "destroy":
                await domain.execute("set-action", shutdown="pause" if reboot else "poweroff")
            run.rebooting = reboot
            self._parts.save_status(domain)

    async def inject_nmi(self, domain: DomainObject) -> None:
        async with domain.job():
            domain.require_run()
            if domain.state != State.RUNNING:
                raise failure(ErrorCode.OPERATION_INVALID, "domain is not running")
            await domain.execute("inject-nmi")

    async def destroy(self, domain: DomainObject, *, graceful: bool = False) -> None:
        run = domain.run
        if run is not None and domain.reason is PausedReason.STARTING_UP:
            # The start holds the job; it cleans up and tells its client.
            run.destroying = True
            await run.process.stop()
            async with domain.job():
                return
        # A hung guest's call may hold the job; its end lets go of it, so the process is stopped first.
        run = domain.require_run()
        run.destroying = True
        if not await run.process.stop(force=not graceful):
            run.destroying = False
            raise failure(
                ErrorCode.OPERATION_FAILED,
                f"failed to terminate process {run.process.pid} of '{domain.name}'",
            )
        async with domain.uninterrupted():
            if domain.run is run:
                await self._ending.finish(domain, run, ShutoffReason.DESTROYED)
