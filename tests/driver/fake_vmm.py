#!/usr/bin/env python3
"""A stand-in for kvmctl-vmm without KVM: the same command line, descriptors and QMP, and an echo on the
serial port.

What it does is steered by <cmdline>: `fail=TEXT` prints TEXT and exits with status 1 before the greeting,
`fail-late=TEXT` at the first `cont`, `mute` gives no greeting, `agent` says that the guest has opened its
first channel, `events={NAME: DATA}` raises events when the guest runs. Its console understands `poweroff`,
`reboot`, `panic`.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import json
import os
import re
import selectors
import signal
import socket
import sys
import threading
import time
import tty


class Vmm:
    def __init__(self, options: argparse.Namespace) -> None:
        self.fds = {name: int(fd) for name, _, fd in (item.partition("=") for item in options.fd)}
        with os.fdopen(options.domain_fd, "rb") as file:
            self.xml = file.read().decode()
        found = re.search(r"<cmdline>(.*?)</cmdline>", self.xml)
        self.cmdline = html.unescape(found.group(1)) if found else ""
        self.status = "prelaunch" if options.paused else "running"
        self.clients: list[socket.socket] = []
        self.pending = b""

    def option(self, name: str) -> str | None:
        found = re.search(rf"{name}=(.*)", self.cmdline)
        return found.group(1) if found else None

    def run(self) -> None:
        if (text := self.option("fail")) is not None:
            sys.exit(f"kvmctl-vmm: error: {text}")
        if "mute" in self.cmdline:
            time.sleep(3600)
        listener = socket.socket(fileno=self.fds["qmp"])
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        if "serial0" in self.fds and os.isatty(self.fds["serial0"]):
            self.serial = self.fds["serial0"]
            # A slave that stays open keeps reads of the master from failing while no console is attached.
            terminal = re.search(r"<source path='(/dev/pts/\d+)'", self.xml)
            self.slave = os.open(terminal.group(1) if terminal else "", os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.slave)
            os.set_blocking(self.serial, False)
            self.selector.register(self.serial, selectors.EVENT_READ, self.echo)
        signal.signal(signal.SIGTERM, lambda *_: self.end({"guest": False, "reason": "host-signal"}))
        while True:
            for key, _ in self.selector.select(0.1):
                key.data(key.fileobj)

    def accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        self.clients.append(client)
        self.send(
            client,
            {
                "QMP": {
                    "version": {"qemu": {"major": 8, "minor": 0, "micro": 0}, "package": ""},
                    "capabilities": [],
                }
            },
        )
        self.selector.register(client, selectors.EVENT_READ, self.command)

    @staticmethod
    def send(client: socket.socket, message: object) -> None:
        with contextlib.suppress(OSError):  # the client may have gone meanwhile
            client.sendall(json.dumps(message).encode() + b"\r\n")

    def event(self, name: str, data: object = None) -> None:
        now = time.time()
        message = {"event": name, "timestamp": {"seconds": int(now), "microseconds": 0}}
        if data is not None:
            message["data"] = data
        for client in self.clients:
            self.send(client, message)

    def command(self, client: socket.socket) -> None:
        try:
            data = client.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(client)
            self.clients.remove(client)
            client.close()
            return
        for line in data.splitlines():
            request = json.loads(line)
            self.send(client, {"return": self.execute(request["execute"]), "id": request.get("id")})

    def execute(self, command: str) -> object:
        match command:
            case "query-status":
                return {"running": self.status == "running", "status": self.status}
            case "query-commands":
                return [{"name": name} for name in ("stop", "cont", "query-chardev")]
            case "query-chardev":
                return [{"label": "channel0", "filename": "", "frontend-open": "agent" in self.cmdline}]
            case "query-cpus-fast":
                return [{"cpu-index": 0, "thread-id": threading.get_native_id()}]
            case "cont":
                if (text := self.option("fail-late")) is not None:
                    sys.stderr.write(f"kvmctl-vmm: error: {text}\n")
                    sys.stderr.flush()
                    os._exit(1)
                self.status = "running"
                self.event("RESUME")
                if "agent" in self.cmdline:
                    self.event("VSERPORT_CHANGE", {"id": "channel0", "open": True})
                for name, data in json.loads(self.option("events") or "{}").items():
                    self.event(name, data)
            case "stop":
                self.status = "paused"
                self.event("STOP")
            case "system_reset":
                self.event("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
            case "quit":
                self.end({"guest": False, "reason": "host-qmp-quit"})
        return {}

    def end(self, data: object) -> None:
        self.event("SHUTDOWN", data)
        os._exit(0)

    def echo(self, master: int) -> None:
        try:
            data = os.read(master, 4096)
        except OSError:
            return
        os.write(master, data.replace(b"\r", b"\r\n"))
        self.pending += data
        *lines, self.pending = re.split(rb"[\r\n]+", self.pending)
        for line in lines:
            match line.strip():
                case b"poweroff":
                    os.write(master, b"bye\r\n")
                    self.end({"guest": True, "reason": "guest-shutdown"})
                case b"reboot":
                    self.event("RESET", {"guest": True, "reason": "guest-reset"})
                case b"panic":
                    self.event("GUEST_PANICKED", {"action": "poweroff"})
                    self.end({"guest": True, "reason": "guest-panic"})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--domain-fd", type=int, required=True)
    parser.add_argument("--fd", action="append", default=[])
    parser.add_argument("--cache-dir")
    parser.add_argument("-S", dest="paused", action="store_true")
    Vmm(parser.parse_known_args()[0]).run()


if __name__ == "__main__":
    main()
