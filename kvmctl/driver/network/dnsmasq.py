"""The process of dnsmasq(8) that serves a network: started, found again, stopped."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.network.dnsmasqconfig import configuration
from kvmctl.driver.network.files import NetworkFiles
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.host.process import run_to_background
from kvmctl.network import Network

PROGRAM: Final = "dnsmasq"
_PATIENCE: Final = 30.0


def start(network: Network, files: NetworkFiles) -> ProcessIdentity:
    """Write the configuration and run it; it is in the background when this returns. Raises VirError."""
    config = files.dnsmasq_config(network.name)
    try:
        config.write_text(configuration(network, files))
        files.dnsmasq_pid(network.name).unlink(missing_ok=True)
        done = run_to_background([PROGRAM, f"--conf-file={config}"], patience=_PATIENCE)
    except FileNotFoundError as error:
        if error.filename != PROGRAM:
            raise system_failure(error, f"cannot write '{config}'") from error
        message = f"network '{network.name}' needs {PROGRAM}, which is not installed (dnsmasq-base)"
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, message) from error
    except subprocess.TimeoutExpired as error:
        late = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        raise system_failure(late, f"cannot start {PROGRAM}") from error
    except OSError as error:
        raise system_failure(error, f"cannot start {PROGRAM}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise failure(
            ErrorCode.INTERNAL_ERROR,
            f"cannot start {PROGRAM} for network '{network.name}': "
            f"{said or f'exit status {done.returncode}'}",
        )
    identity = running(network.name, files)
    if identity is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"{PROGRAM} of network '{network.name}' ended at once")
    return identity


def running(name: str, files: NetworkFiles) -> ProcessIdentity | None:
    """The dnsmasq of a network, by its pid file."""
    try:
        identity = ProcessIdentity.of(int(files.dnsmasq_pid(name).read_text()))
        if identity is None:
            return None
        command = Path(f"/proc/{identity.pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return identity if os.fsencode(files.dnsmasq_config(name)) in command and identity.alive() else None


def stop(identity: ProcessIdentity, *, patience: float = 5.0) -> None:
    """Ask with SIGTERM, then insist; returns when it is gone, or cannot be killed."""
    deadline = time.monotonic() + patience
    number = signal.SIGTERM
    while identity.alive():
        try:
            descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        try:
            if identity.alive():
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)
        while identity.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if number is signal.SIGKILL:
            return
        number, deadline = signal.SIGKILL, time.monotonic() + patience
