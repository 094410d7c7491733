"""From a definition to a running VMM process: everything the guest uses is opened here and inherited by
the VMM."""

import os
import stat
import sys
import time
import tty
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import kvmctl.domain
from kvmctl.domain import Chardev, Disk, Domain, Interface, Rng
from kvmctl.driver.capabilities import vcpu_limit
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.monitor import listen
from kvmctl.driver.paths import Paths, RunFiles
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.store import uuid_of
from kvmctl.driver.vmprocess import VmProcess
from kvmctl.host import kvm, memory, tap

_VMM_ERROR = "kvmctl-vmm: error: "


def check(domain: Domain) -> None:
    """What can be seen before anything is opened: does the guest fit this host?"""
    total = memory.total()
    if domain.memory > total:
        raise failure(
            ErrorCode.CONFIG_UNSUPPORTED,
            f"memory of {domain.memory // 1024} KiB is more than the host's {total // 1024} KiB",
        )
    if not domain.os.kernel:
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"domain '{domain.name}' has no <kernel> to boot")
    limit = vcpu_limit()
    if domain.vcpus > limit:
        raise failure(
            ErrorCode.CONFIG_UNSUPPORTED,
            f"{domain.vcpus} vCPUs are more than the {limit} that KVM allows here",
        )


def open_boot_file(path: str, role: str) -> int:
    """A kernel or initrd for reading; O_NONBLOCK so that a FIFO in its place cannot hold up the daemon."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise system_failure(error, f"cannot open {role} '{path}'") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"{role} '{path}' is not a regular file")
    return descriptor


def open_pty() -> tuple[int, str]:
    """A raw terminal pair: the VMM gets the master, consoles open the slave by its name."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    tty.setraw(slave)
    os.fchmod(slave, 0o600)
    os.close(slave)
    return master, name


class Descriptors:
    """The descriptors that the VMM inherits; the daemon's copies are closed with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.named: dict[str, int] = {}

    def add(self, name: str, descriptor: int) -> None:
        self._stack.callback(os.close, descriptor)
        self.named[name] = descriptor

    def output(self, name: str, path: str, append: bool) -> None:
        """A file that a serial port writes to; O_NONBLOCK so that a FIFO cannot hold up the daemon."""
        mode = os.O_APPEND if append else os.O_TRUNC
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | mode
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise system_failure(error, f"cannot open '{path}'") from error
        os.set_blocking(descriptor, True)
        self.add(name, descriptor)


def open_chardev(chardev: Chardev, alias: str, descriptors: Descriptors) -> Chardev:
    """Open one serial port's back end; the result carries its alias and, for a pty, the terminal's name."""
    if chardev.source_type == "pty":
        master, terminal = open_pty()
        descriptors.add(alias, master)
        chardev = replace(chardev, path=terminal, tty=terminal)
    elif chardev.path is not None:
        descriptors.output(alias, chardev.path, bool(chardev.append))
    if chardev.log is not None:
        descriptors.output(f"{alias}.log", chardev.log.file, bool(chardev.log.append))
    return replace(chardev, alias=alias)


def open_chardevs(domain: Domain, descriptors: Descriptors) -> Domain:
    """Serial ports are the devices; a console with target type serial is a view of the first of them."""
    serials = tuple(
        open_chardev(serial, f"serial{number}", descriptors)
        for number, serial in enumerate(domain.devices.serials)
    )
    consoles = tuple(
        replace(console, path=serials[number].path, tty=serials[number].tty, alias=serials[number].alias)
        if number < len(serials)
        else console
        for number, console in enumerate(domain.devices.consoles)
    )
    return replace(domain, devices=replace(domain.devices, serials=serials, consoles=consoles))


def open_disk(disk: Disk, alias: str, descriptors: Descriptors) -> Disk:
    """Open a disk; O_NONBLOCK so that a FIFO in its place cannot hold up the daemon."""
    path = disk.source or ""
    mode = os.O_RDONLY if disk.is_readonly else os.O_RDWR
    try:
        descriptors.add(alias, os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        raise system_failure(error, f"cannot open disk '{path}'") from error
    kind = os.fstat(descriptors.named[alias]).st_mode
    if not (stat.S_ISREG(kind) if disk.type == "file" else stat.S_ISBLK(kind)):
        wanted = "regular file" if disk.type == "file" else "block device"
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"disk '{path}' is not a {wanted}")
    return replace(disk, alias=alias)


def open_disks(domain: Domain, descriptors: Descriptors) -> Domain:
    disks = tuple(
        open_disk(disk, f"virtio-disk{number}", descriptors)
        for number, disk in enumerate(domain.devices.disks)
    )
    return replace(domain, devices=replace(domain.devices, disks=disks))


def open_interface(interface: Interface, alias: str, descriptors: Descriptors) -> Interface:
    """Open a TAP device; the result carries the name that it has."""
    try:
        descriptor, name = tap.open_tap(interface.target, interface.bridge)
    except OSError as error:
        place = f" on bridge '{interface.bridge}'" if interface.bridge else ""
        what = f"TAP device '{interface.target}'" if interface.target else "a TAP device"
        raise system_failure(error, f"cannot open {what}{place}") from error
    descriptors.add(alias, descriptor)
    return replace(interface, alias=alias, target=name)


def open_interfaces(domain: Domain, descriptors: Descriptors) -> Domain:
    interfaces = tuple(
        open_interface(interface, f"net{number}", descriptors)
        for number, interface in enumerate(domain.devices.interfaces)
    )
    return replace(domain, devices=replace(domain.devices, interfaces=interfaces))


def open_rng(rng: Rng, alias: str, descriptors: Descriptors) -> Rng:
    """Open a source of random numbers, which has to be a character device."""
    try:
        descriptors.add(alias, os.open(rng.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        raise system_failure(error, f"cannot open random number source '{rng.path}'") from error
    if not stat.S_ISCHR(os.fstat(descriptors.named[alias]).st_mode):
        message = f"random number source '{rng.path}' is not a character device"
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, message)
    return replace(rng, alias=alias)


def open_rngs(domain: Domain, descriptors: Descriptors) -> Domain:
    rngs = tuple(open_rng(rng, f"rng{number}", descriptors) for number, rng in enumerate(domain.devices.rngs))
    return replace(domain, devices=replace(domain.devices, rngs=rngs))


def vmm_command(domain: Domain) -> list[str]:
    emulator = domain.devices.emulator
    if emulator is None:
        return [sys.executable, "-m", "kvmctl.vmm"]
    if not os.access(emulator, os.X_OK):
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, f"emulator '{emulator}' is not an executable file")
    return [emulator]


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
        stamp = time.strftime("%Y-%m-%d %H:%M:%S%z")
        line = f"{stamp}: {text}\n".encode()
        os.write(self.descriptor, line)
        self._begin += len(line)

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
        with self.path.open("rb") as file:
            file.seek(max(self._begin, self.path.stat().st_size - 65536))
            return file.read().decode(errors="replace").splitlines()


def launch(domain: Domain, paths: Paths) -> Launched:
    """Open everything, then start the VMM, which waits for the first `cont`. Nothing stays behind when
    this fails."""
    check(domain)
    command = vmm_command(domain)
    files = paths.run_files(domain.name, uuid_of(domain))
    with ExitStack() as stack:
        descriptors = Descriptors(stack)
        try:
            descriptors.add("kvm", os.open(kvm.DEVICE, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise system_failure(error, f"cannot open '{kvm.DEVICE}'") from error
        if domain.os.kernel:
            descriptors.add("kernel", open_boot_file(domain.os.kernel, "kernel"))
        if domain.os.initrd:
            descriptors.add("initrd", open_boot_file(domain.os.initrd, "initrd"))
        try:
            descriptors.add("qmp", listen(files.qmp).detach())
            live = domain
            for open_devices in (open_chardevs, open_disks, open_interfaces, open_rngs):
                live = open_devices(live, descriptors)
            log = LogFile(paths.domain_log(domain.name))
            stack.callback(log.close)
            text = os.memfd_create("kvmctl-domain")
            stack.callback(os.close, text)
            os.write(text, kvmctl.domain.format(live, live=True).encode())
            os.lseek(text, 0, os.SEEK_SET)
            command += ["--domain-fd", str(text), "-S", "--cache-dir", str(paths.cache)]
            for name, descriptor in descriptors.named.items():
                command += ["--fd", f"{name}={descriptor}"]
            log.note("starting up: " + " ".join(command))
            process = VmProcess.spawn(
                command, [text, *descriptors.named.values()], log.descriptor, _environment()
            )
        except OSError as error:
            files.remove()
            raise system_failure(error, f"cannot start domain '{domain.name}'") from error
        except BaseException:
            files.remove()
            raise
    return Launched(process, live, log, files)


def _environment() -> dict[str, str]:
    """A guest's process sees none of the daemon's environment but what the interpreter needs."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name in kept}
