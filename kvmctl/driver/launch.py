"""From a definition to a running VMM process: everything the guest uses is opened here and inherited by
the VMM."""

import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import kvmctl.domain
from kvmctl.backends import BackendError, Descriptors, boot, check_files, open_devices
from kvmctl.backends.cpu import choice_of
from kvmctl.domain import Domain, with_aliases
from kvmctl.driver.capabilities import vcpu_limit
from kvmctl.driver.errors import backend_failure, failure, system_failure
from kvmctl.driver.launcher import Launcher, LauncherError, Options, environment
from kvmctl.driver.monitor import listen
from kvmctl.driver.paths import Paths, RunFiles
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.store import uuid_of
from kvmctl.driver.tuning import confine
from kvmctl.driver.vmprocess import VmProcess
from kvmctl.host import kvm, memory

log = logging.getLogger(__name__)

_VMM_ERROR = "kvmctl-vmm: error: "
_LAST_BYTES = 65536


def check(domain: Domain) -> None:
    """What can be seen before anything is opened: does the guest fit this host?"""
    total = memory.total()
    if domain.memory > total:
        raise failure(
            ErrorCode.CONFIG_UNSUPPORTED,
            f"memory of {domain.memory // 1024} KiB is more than the host's {total // 1024} KiB",
        )
    limit = vcpu_limit()
    if domain.vcpus > limit:
        raise failure(
            ErrorCode.CONFIG_UNSUPPORTED,
            f"{domain.vcpus} vCPUs are more than the {limit} that KVM allows here",
        )
    try:
        choice_of(domain, kvm.host_cpu())
        check_files(domain)
    except BackendError as error:
        raise backend_failure(error) from error


def check_emulator(domain: Domain) -> None:
    emulator = domain.devices.emulator
    if emulator is not None and not os.access(emulator, os.X_OK):
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"emulator '{emulator}' is not an executable file")


@dataclass(frozen=True, slots=True)
class Launched:
    process: VmProcess
    live: Domain
    log: "LogFile"
    files: RunFiles


class LogFile:
    """The domain's log, and the place in it where the latest start began."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._begin = os.fstat(self.descriptor).st_size

    def note(self, text: str) -> None:
        """A log without room is no reason to keep a guest from starting or ending."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S%z")
        line = f"{stamp}: {text}\n".encode()
        try:
            self._begin += os.write(self.descriptor, line)
        except OSError as error:
            log.warning("cannot write '%s': %s", self.path, os.strerror(error.errno or 0))

    def close(self) -> None:
        os.close(self.descriptor)

    def last_line(self) -> str:
        """The last line that the VMM wrote since the start, empty if it said nothing."""
        return next((line.strip() for line in reversed(self._lines()) if line.strip()), "")

    def last_error(self) -> str:
        """The VMM's own word on why it cannot run the guest, empty if it left none."""
        errors = (line for line in reversed(self._lines()) if line.startswith(_VMM_ERROR))
        return next(errors, "").removeprefix(_VMM_ERROR).strip()

    def _lines(self) -> list[str]:
        """None where somebody has removed the file meanwhile."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._begin, os.fstat(file.fileno()).st_size - _LAST_BYTES))
                return file.read().decode(errors="replace").splitlines()
        except OSError:
            return []


def launch(domain: Domain, paths: Paths, launcher: Launcher) -> Launched:
    """Open everything, then start the VMM, which waits for the first `cont`. Nothing stays behind when
    this fails."""
    check(domain)
    check_emulator(domain)
    files = paths.run_files(domain.name, uuid_of(domain))
    with ExitStack() as stack:
        descriptors = Descriptors(stack, paths.run)
        try:
            descriptors.add("kvm", os.open(kvm.DEVICE, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise system_failure(error, f"cannot open '{kvm.DEVICE}'") from error
        try:
            boot.open_files(domain, descriptors)
            descriptors.add("qmp", listen(files.qmp).detach())
            confine(domain, paths, descriptors)
            live = open_devices(with_aliases(domain), descriptors)
            log = LogFile(paths.domain_log(domain.name))
            stack.callback(log.close)
            text = os.memfd_create("kvmctl-domain")
            stack.callback(os.close, text)
            os.write(text, kvmctl.domain.format(live, live=True).encode())
            os.lseek(text, 0, os.SEEK_SET)
            options = Options(paths.cache, jail=launcher.jail)
            process = _start(live, options, log, text, descriptors.named, launcher)
        except LauncherError as error:
            files.remove()
            raise failure(
                ErrorCode.INTERNAL_ERROR, f"cannot start domain '{domain.name}': {error}"
            ) from error
        except BackendError as error:
            files.remove()
            raise backend_failure(error) from error
        except OSError as error:
            files.remove()
            raise system_failure(error, f"cannot start domain '{domain.name}'") from error
        except BaseException:
            files.remove()
            raise
    return Launched(process, live, log, files)


def _start(
    domain: Domain,
    options: Options,
    log: LogFile,
    text: int,
    descriptors: dict[str, int],
    launcher: Launcher,
) -> VmProcess:
    """From the launcher or, where the domain names its <emulator>, by running that one."""
    emulator = domain.devices.emulator
    if emulator is None:
        log.note(f"starting up: kvmctl-vmm {' '.join(options.arguments())} with {' '.join(descriptors)}")
        return launcher.spawn(domain.name, options, log.descriptor, text, descriptors)
    named = [f"--fd={name}={number}" for name, number in descriptors.items()]
    command = [emulator, "--domain-fd", str(text), *named, *options.arguments()]
    log.note("starting up: " + " ".join(command))
    return VmProcess.spawn(command, [text, *descriptors.values()], log.descriptor, environment())
