"""Words for libvirt's domain states, the same as virsh uses."""

from __future__ import annotations

import libvirt

_STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: "no state",
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "idle",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "in shutdown",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "pmsuspended",
}

COLOURS = {"running": "green", "paused": "yellow", "crashed": "red"}


def state_name(state: int) -> str:
    return _STATES.get(state, f"unknown ({state})")
