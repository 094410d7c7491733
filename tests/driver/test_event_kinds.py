"""Every kind of event that a machine can raise, as `virsh event --all --loop` shows it."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

RAISED = {
    "WATCHDOG": {"action": "pause"},
    "RTC_CHANGE": {"offset": 42},
    "BALLOON_CHANGE": {"actual": 8 << 20},
    "BLOCK_IO_ERROR": {"device": "virtio-disk0", "action": "report", "operation": "write", "nospace": True},
    "BLOCK_WRITE_THRESHOLD": {
        "node-name": "virtio-disk0",
        "write-threshold": 4096,
        "amount-exceeded": 512,
    },
    "DEVICE_DELETED": {"device": "net7", "path": "/machine/peripheral/net7"},
    "RESET": {"guest": True, "reason": "guest-reset"},
}

SHOWN = [
    "event 'lifecycle' for domain 'guest': Started Booted",
    "event 'lifecycle' for domain 'guest': Resumed Unpaused",
    "event 'watchdog' for domain 'guest': pause",
    "event 'rtc-change' for domain 'guest': 42",
    "event 'balloon-change' for domain 'guest': 8192KiB",
    "event 'io-error' for domain 'guest': {disk} (virtio-disk0) report",
    "event 'io-error-reason' for domain 'guest': {disk} (virtio-disk0) report due to enospc",
    "event 'block-threshold' for domain 'guest': dev: vda({disk}) 4096 512",
    "event 'device-removed' for domain 'guest': net7",
    "event 'reboot' for domain 'guest'",
    "event 'agent-lifecycle' for domain 'guest': state: 'connected' reason: 'channel event'",
    "event 'metadata-change' for domain 'guest': type title,",
    "event 'tunable' for domain 'guest':",
    "cputune.emulatorpin: 0",
    "event 'lifecycle' for domain 'guest': Stopped Destroyed",
]


@pytest.mark.kvm
def test_all_kinds(daemon: SessionDaemon) -> None:
    disk = daemon.directory / "disk"
    disk.write_bytes(bytes(1 << 20))
    devices = (
        f"<disk type='file' device='disk'><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>"
        "<serial type='pty'/><memballoon model='virtio'/>"
        f"<channel type='unix'><source mode='bind' path='{daemon.directory}/agent'/>"
        "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    )
    cmdline = f"agent events={json.dumps(RAISED)}"
    with (daemon.directory / "events").open("w+") as shown:
        watcher = subprocess.Popen(
            ["stdbuf", "-oL", "virsh", "-c", daemon.uri, "event", "--all", "--loop"],
            env=daemon.environment,
            stdin=subprocess.PIPE,
            stdout=shown,
        )
        try:
            time.sleep(1)
            daemon.virsh("create", daemon.write("guest.xml", fake_xml("guest", cmdline, devices=devices)))
            daemon.virsh("desc", "guest", "--title", "--live", "hello")
            daemon.virsh("emulatorpin", "guest", "0", "--live")
            info = daemon.virsh("dominfo", "guest").stdout
            assert "Used memory:    8192 KiB" in info
            assert "vda: no space" in daemon.virsh("domblkerror", "guest").stdout
            daemon.virsh("destroy", "guest")
            deadline = time.monotonic() + 20
            while "Stopped" not in (text := (daemon.directory / "events").read_text()):
                assert time.monotonic() < deadline, text
                time.sleep(0.05)
        finally:
            watcher.send_signal(signal.SIGKILL)
            watcher.wait()
    missing = [line for line in SHOWN if line.format(disk=disk) not in text]
    assert not missing, text
