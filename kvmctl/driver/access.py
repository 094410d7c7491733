"""Who may use the read-write socket beyond what its file permissions say: polkit's word (auth_unix_rw)."""

import asyncio
import logging
import shutil
from pathlib import Path

from kvmctl.driver.config import Config, ConfigError
from kvmctl.driver.rpc import Authenticate, Credentials
from kvmctl.driver.vmprocess import ProcessIdentity

_PROGRAM = "pkcheck"
_ACTION = "org.libvirt.unix.manage"
"""libvirt's own, which its policy file describes and administrators have rules for."""
_BUS = Path("/run/dbus/system_bus_socket")
_SECONDS = 120.0
"""A person may have to type a password."""

log = logging.getLogger(__name__)


def authentication(config: Config, *, session: bool) -> Authenticate | None:
    """What clients of the read-write socket have to pass; None for nothing. Raises ConfigError."""
    if config.auth_unix_rw != "polkit":
        return None
    if session:
        raise ConfigError("auth_unix_rw: a user's own daemon asks nobody; polkit is for the system's")
    if shutil.which(_PROGRAM) is None:
        raise ConfigError(f'auth_unix_rw: there is no {_PROGRAM} on this host: install polkit or say "none"')
    if not _BUS.is_socket():
        raise ConfigError(
            f'auth_unix_rw: polkit needs D-Bus, and {_BUS} is not there: start it or say "none"'
        )
    return ask_polkit


async def ask_polkit(client: Credentials) -> bool:
    """Whether polkit lets this process manage guests; it may ask the user for a password meanwhile."""
    identity = ProcessIdentity.of(client.pid)
    if identity is None:
        return False
    # The start time tells the process from a later one with its number, the user from one that it became.
    subject = f"{client.pid},{identity.start_time},{client.uid}"
    asking = await asyncio.create_subprocess_exec(
        *(_PROGRAM, "--action-id", _ACTION, "--process", subject, "--allow-user-interaction"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(asking.communicate(), _SECONDS)
    except TimeoutError:
        log.warning("polkit does not answer about %s", client)
        return False
    finally:
        if asking.returncode is None:
            asking.kill()
    if asking.returncode != 0:
        log.info("polkit refuses %s: %s", client, said.decode(errors="replace").strip())
    return asking.returncode == 0
