"""What survives the daemon: definitions, autostart links, the status of running guests, and the id
counter."""

import contextlib
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from lxml import etree

import kvmctl.domain
from kvmctl.domain import Domain, DomainError
from kvmctl.driver.constants import State
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.paths import Paths, RunFiles
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vmprocess import ProcessIdentity

log = logging.getLogger(__name__)

_NEW = ".new-"
_NAME_BYTES = 255 - len(".xml")


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that after a crash either the old or the new content is there, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mark_first_start(run: Path) -> bool:
    """True for the first one to ask since the run directory is there."""
    try:
        (run / "autostarted").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError as error:
        log.error("nothing is autostarted, because that cannot be noted: %s", error)
        return False
    return True


def readable(directory: Path) -> list[Path]:
    """The XML files of a directory; one that cannot be read is named in the log."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory))
    except OSError as error:
        log.error("cannot read the directory '%s': %s", directory, os.strerror(error.errno or 0))
        return []
    return [directory / name for name in names if name.endswith(".xml") and not name.startswith(".")]


def remove_unfinished(directory: Path) -> None:
    """What a daemon left that died in the middle of writing."""
    for path in directory.glob(f"{_NEW}*"):
        path.unlink(missing_ok=True)


def check_name(name: str) -> None:
    """A domain's name is also its files' name."""
    if "/" in name:
        raise failure(ErrorCode.XML_ERROR, f"name {name} cannot contain '/'")
    if "\n" in name:
        raise failure(ErrorCode.XML_ERROR, f"invalid char in name: {name!r}")
    if name.startswith("."):
        raise failure(ErrorCode.XML_ERROR, f"name {name} cannot start with '.'")
    if len(os.fsencode(name)) > _NAME_BYTES:
        raise failure(ErrorCode.XML_ERROR, f"name is longer than {_NAME_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Status:
    """A running guest, as the next daemon needs it; ``identity`` is missing while the start is not
    finished."""

    live: Domain
    persistent: bool
    state: State
    reason: int
    identity: ProcessIdentity | None
    autodestroy: bool = False
    rebooting: bool = False


class Store:
    """Holds the directories; the daemon's lock makes it the only writer."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths

    def clean_up(self) -> None:
        """Remove what a daemon left that died in the middle of writing."""
        try:
            for directory in (self.paths.definitions, self.paths.run):
                remove_unfinished(directory)
            self._finish_rename()
        except OSError as error:
            log.error("cannot finish what an earlier daemon was writing: %s", error)

    # Definitions

    def save_definition(self, domain: Domain) -> None:
        """Of a domain that came from XML, the client's or our own."""
        check_name(domain.name)
        path = self.paths.definition(domain.name)
        try:
            write_atomically(path, kvmctl.domain.format(domain, checked=True))
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error

    def delete_definition(self, name: str) -> None:
        path = self.paths.definition(name)
        try:
            self.paths.autostart_link(name).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise system_failure(error, f"cannot remove '{path}'") from error

    def rename_definition(self, old: str, renamed: Domain) -> None:
        """The new file first, then the old one goes; a note of both names lets a next daemon finish that."""
        new = renamed.name
        try:
            write_atomically(self._renaming, f"{old}\n{new}\n")
            if self.autostart(old):
                self._link_autostart(new)
            write_atomically(self.paths.definition(new), kvmctl.domain.format(renamed))
            self._finish_rename()
        except OSError as error:
            raise system_failure(error, f"cannot rename the definition of '{old}' to '{new}'") from error

    @property
    def _renaming(self) -> Path:
        return self.paths.definitions / ".renaming"

    def _finish_rename(self) -> None:
        """With the new file the change of the name has happened, without it nothing has."""
        try:
            old, new = self._renaming.read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return
        gone = old if self.paths.definition(new).exists() else new
        self.paths.autostart_link(gone).unlink(missing_ok=True)
        self.paths.definition(gone).unlink(missing_ok=True)
        self._renaming.unlink()
        sync_directory(self.paths.definitions)

    def load_definitions(self) -> list[Domain]:
        """Every readable definition; a broken file is named in the log and left alone for its owner to
        mend."""
        domains = []
        for path in readable(self.paths.definitions):
            try:
                domain = kvmctl.domain.with_defaults(kvmctl.domain.parse(path.read_bytes()))
            except (OSError, DomainError) as error:
                log.error("ignoring domain definition %s: %s", path, error)
                continue
            if domain.name != path.stem:
                log.error("ignoring domain definition %s: it defines a domain named '%s'", path, domain.name)
                continue
            domains.append(domain)
        return domains

    # Autostart

    def autostart(self, name: str) -> bool:
        return self.paths.autostart_link(name).is_symlink()

    def set_autostart(self, name: str, enabled: bool) -> None:
        link = self.paths.autostart_link(name)
        try:
            if enabled:
                self._link_autostart(name)
            else:
                link.unlink(missing_ok=True)
            sync_directory(link.parent)
        except OSError as error:
            raise system_failure(error, f"cannot change autostart link '{link}'") from error

    def _link_autostart(self, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            self.paths.autostart_link(name).symlink_to(self.paths.definition(name))

    def first_start_since_boot(self) -> bool:
        """True once per life of the run directory: autostart is for the host's start, not for each of the
        daemon's."""
        return mark_first_start(self.paths.run)

    # Running guests

    def save_status(self, status: Status) -> None:
        live = status.live
        root = etree.Element(
            "domstatus",
            state=status.state.name.lower(),
            reason=str(int(status.reason)),
            persistent="yes" if status.persistent else "no",
        )
        if status.autodestroy:
            root.set("autodestroy", "yes")
        if status.rebooting:
            root.set("rebooting", "yes")
        if status.identity is not None:
            root.set("pid", str(status.identity.pid))
            root.set("starttime", str(status.identity.start_time))
        root.append(etree.fromstring(kvmctl.domain.format(live, live=True)))
        path = self.run_files(live).status
        try:
            write_atomically(path, etree.tostring(root, encoding="unicode", pretty_print=True))
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error

    def running_pid(self, domain: Domain) -> int | None:
        """The process of the guest that its pid file tells of, while it runs."""
        try:
            identity = ProcessIdentity.of(int(self.run_files(domain).pid.read_text()))
        except (OSError, ValueError):
            return None
        return identity.pid if identity is not None and identity.runs_guest(domain.name) else None

    def load_statuses(self) -> list[Status]:
        """The guests that ran when the last daemon ended; what cannot be understood is reported in the
        log."""
        found = []
        for path in readable(self.paths.run):
            try:
                found.append(_parse_status(path.read_bytes()))
            except (OSError, DomainError, ValueError, KeyError, etree.XMLSyntaxError) as error:
                log.error("ignoring domain status %s: %s", path, error)
        return found

    def run_files(self, domain: Domain) -> RunFiles:
        return self.paths.run_files(domain.name, uuid_of(domain))

    # Ids

    def load_next_id(self) -> int:
        try:
            return int((self.paths.run / "next-id").read_text())
        except (OSError, ValueError):
            return 1

    def save_next_id(self, value: int) -> None:
        path = self.paths.run / "next-id"
        try:
            write_atomically(path, f"{value}\n")
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error

    def save_pid(self, domain: Domain, pid: int) -> None:
        path = self.run_files(domain).pid
        try:
            path.write_text(f"{pid}\n")
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error


def _parse_status(text: bytes) -> Status:
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    element = root.find("domain")
    if root.tag != "domstatus" or element is None:
        raise ValueError("not a domain status")
    identity = None
    if "pid" in root.attrib:
        identity = ProcessIdentity(int(root.attrib["pid"]), int(root.attrib["starttime"]))
    return Status(
        live=kvmctl.domain.parse(etree.tostring(element)),
        persistent=root.attrib["persistent"] == "yes",
        state=State[str(root.attrib["state"]).upper()],
        reason=int(root.attrib["reason"]),
        identity=identity,
        autodestroy=root.get("autodestroy") == "yes",
        rebooting=root.get("rebooting") == "yes",
    )


def uuid_of(domain: Domain) -> UUID:
    """Every domain that the driver holds went through with_defaults, which gives it a uuid."""
    if domain.uuid is None:
        raise ValueError(f"domain '{domain.name}' has no uuid")
    return domain.uuid
