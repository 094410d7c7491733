"""User-mode networking: passt, which speaks for a guest through ordinary sockets (passt(1)).

It gets one end of a socket pair, the guest's card the other one: it ends by itself when that is closed.
"""

import errno
import os
import socket
import subprocess
from typing import Final

from kvmctl.backends.descriptors import BackendError, Unsupported
from kvmctl.domain import Interface
from kvmctl.domain.model.forwarding import ForwardRange, PortForward
from kvmctl.host.process import run_to_background

PROGRAM: Final = "passt"
_NOISE: Final = ("Failed to send ", "Don't run as root", "No external routable interface for IPv6")
"""What it says in any case: where there is no syslog, for root, and where there is only IPv4."""
_PATIENCE: Final = 30.0
"""Seconds to the moment when it goes to the background, which is when it can be used."""


def start(interface: Interface) -> int:
    """The guest's end of a connection to a new passt. Raises BackendError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        command = [PROGRAM, "--quiet", "--one-off", "--fd", str(theirs.fileno())]
        if interface.dev is not None:
            command += ["--interface", interface.dev]
        if interface.log_file is not None:
            command += ["--log-file", interface.log_file]
        if interface.mtu is not None:
            command += ["--mtu", str(interface.mtu)]
        for address in interface.addresses:
            command += ["--address", str(address.address)]
            if address.prefix is not None and address.address.version == 4:
                command += ["--netmask", str(address.prefix)]
        for forward in interface.port_forwards:
            command += [f"--{forward.proto}-ports", _ports(forward)]
        _run(command, theirs.fileno())
        return ours.detach()


def _ports(forward: PortForward) -> str:
    """passt(1), --tcp-ports: [ADDRESS[%INTERFACE]/][~]FIRST[-LAST][:FIRST[-LAST]],…"""
    place = ""
    if forward.address is not None:
        place = f"{forward.address}%{forward.dev}/" if forward.dev else f"{forward.address}/"
    return place + (",".join(map(_range, forward.ranges)) or "all")


def _range(ports: ForwardRange) -> str:
    end = ports.end if ports.end is not None else ports.start
    text = f"{'~' if ports.exclude else ''}{ports.start}-{end}"
    return text if ports.to is None else f"{text}:{ports.to}-{ports.to + end - ports.start}"


def _run(command: list[str], descriptor: int) -> None:
    try:
        done = run_to_background(command, patience=_PATIENCE, descriptors=[descriptor])
    except FileNotFoundError as error:
        message = f"user-mode networking needs {PROGRAM}, which is not installed (Debian's package passt)"
        raise Unsupported(message) from error
    except OSError as error:
        raise BackendError(error, f"cannot start {PROGRAM}") from error
    except subprocess.TimeoutExpired as error:
        late = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        raise BackendError(late, f"cannot start {PROGRAM}") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip() and not line.startswith(_NOISE)]
        raise Unsupported(f"{PROGRAM} cannot start: {'; '.join(said) or f'exit status {done.returncode}'}")
