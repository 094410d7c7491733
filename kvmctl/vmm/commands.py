"""The QMP commands, with QEMU's names and replies (qapi/run-state.json, machine.json, char.json)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kvmctl.vmm import statistics
from kvmctl.vmm.charports import CharPort
from kvmctl.vmm.control import QmpServer
from kvmctl.vmm.cpu import Position
from kvmctl.vmm.firmware import has_acpi
from kvmctl.vmm.kvm.vcpu import Vcpu
from kvmctl.vmm.lifecycle import Lifecycle, NeedsReset, RunState
from kvmctl.vmm.machine import Machine
from kvmctl.vmm.qmp import Command, Handler, QmpError

if TYPE_CHECKING:
    from kvmctl.domain import Domain

# ShutdownAction of set-action
_SHUTDOWN_ACTIONS: Final = {"poweroff": "destroy", "pause": "preserve"}


def register(
    server: QmpServer,
    domain: Domain,
    machine: Machine,
    lifecycle: Lifecycle,
    chardevs: Sequence[CharPort],
) -> None:
    """Give the server every command of this machine."""

    def cont() -> None:
        try:
            lifecycle.cont()
        except NeedsReset as error:
            raise QmpError(str(error)) from error

    def query_status() -> object:
        running = lifecycle.state is RunState.RUNNING
        return {"status": lifecycle.state.value, "running": running}

    def query_cpus_fast() -> object:
        return [
            {
                "cpu-index": vcpu.index,
                "qom-path": _path(vcpu),
                "thread-id": vcpu.thread_id,
                "target": "x86_64",
                "props": _properties(machine.cpu.topology.position(vcpu.index)),
            }
            for vcpu in machine.vcpus
        ]

    def query_chardev() -> object:
        return [
            {"label": chardev.label, "filename": chardev.filename, "frontend-open": chardev.frontend_open}
            for chardev in chardevs
        ]

    def set_action(arguments: Mapping[str, object]) -> None:
        action = arguments.get("shutdown")
        if action is not None:
            if action not in _SHUTDOWN_ACTIONS:
                raise QmpError(f"Invalid parameter '{action}'")
            lifecycle.set_power_off(_SHUTDOWN_ACTIONS[str(action)])

    vcpus = {_path(vcpu): vcpu.statistics for vcpu in machine.vcpus if vcpu.statistics is not None}
    server.commands.update(statistics.commands(machine.vcpus[0].vm.statistics, vcpus))
    server.commands["set-action"] = Command(set_action, frozenset({"shutdown"}))
    commands: dict[str, Callable[[], object]] = {
        "stop": lifecycle.stop,
        "cont": cont,
        "quit": lambda: lifecycle.quit("host-qmp-quit"),
        "system_reset": lifecycle.reset,
        "inject-nmi": lifecycle.inject_nmi,
        "query-status": query_status,
        "query-version": lambda: server.version,
        "query-name": lambda: {"name": domain.name},
        "query-uuid": lambda: {"UUID": str(domain.uuid)},
        "query-cpus-fast": query_cpus_fast,
        "query-chardev": query_chardev,
        "query-kvm": lambda: {"enabled": True, "present": True},
        "query-commands": lambda: [{"name": name} for name in ("qmp_capabilities", *server.commands)],
    }
    if has_acpi(domain):
        commands["system_powerdown"] = lifecycle.powerdown
    for name, call in commands.items():
        server.commands[name] = Command(_without_arguments(call))


def _path(vcpu: Vcpu) -> str:
    return f"/machine/cpu[{vcpu.index}]"


def _properties(at: Position) -> dict[str, int]:
    """CpuInstanceProperties."""
    return {"socket-id": at.socket, "die-id": at.die, "core-id": at.core, "thread-id": at.thread}


def _without_arguments(call: Callable[[], object]) -> Handler:
    return lambda _arguments: call()
