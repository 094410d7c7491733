"""What survives the daemon: definitions, autostart links, and which networks run."""

import contextlib
import logging
from dataclasses import dataclass

from lxml import etree

import kvmctl.network
from kvmctl.domain import DomainError
from kvmctl.driver.errors import system_failure
from kvmctl.driver.network.files import NetworkFiles
from kvmctl.driver.paths import Paths
from kvmctl.driver.store import (
    check_name,
    mark_first_start,
    readable,
    remove_unfinished,
    sync_directory,
    write_atomically,
)
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.network import Network

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """A network that runs, or one whose start was not finished."""

    live: Network
    finished: bool
    dnsmasq: ProcessIdentity | None = None


class NetworkStore:
    """Holds the directories; the daemon's lock makes it the only writer."""

    def __init__(self, paths: Paths) -> None:
        self.files = NetworkFiles.of(paths)

    def prepare(self) -> None:
        """Make the directories; remove what a daemon left that died in the middle of writing."""
        self.files.create()
        for directory in (self.files.definitions, self.files.run):
            remove_unfinished(directory)

    # Definitions

    def save_definition(self, network: Network) -> None:
        check_name(network.name)
        path = self.files.definition(network.name)
        try:
            write_atomically(path, kvmctl.network.format(network))
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error

    def delete_definition(self, name: str) -> None:
        path = self.files.definition(name)
        try:
            self.files.autostart_link(name).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise system_failure(error, f"cannot remove '{path}'") from error

    def load_definitions(self) -> list[Network]:
        """Every readable definition; a broken file is named in the log and left alone."""
        networks = []
        for path in readable(self.files.definitions):
            try:
                network = kvmctl.network.parse(path.read_bytes())
            except (OSError, DomainError) as error:
                log.error("ignoring network definition %s: %s", path, error)
                continue
            if network.name != path.stem:
                log.error("ignoring network definition %s: it defines '%s'", path, network.name)
                continue
            networks.append(network)
        return networks

    # Autostart

    def autostart(self, name: str) -> bool:
        return self.files.autostart_link(name).is_symlink()

    def set_autostart(self, name: str, enabled: bool) -> None:
        link = self.files.autostart_link(name)
        try:
            if enabled:
                with contextlib.suppress(FileExistsError):
                    link.symlink_to(self.files.definition(name))
            else:
                link.unlink(missing_ok=True)
            sync_directory(link.parent)
        except OSError as error:
            raise system_failure(error, f"cannot change autostart link '{link}'") from error

    def first_start_since_boot(self) -> bool:
        return mark_first_start(self.files.run)

    # Running networks

    def save_status(self, status: NetworkStatus) -> None:
        root = etree.Element("networkstatus", finished="yes" if status.finished else "no")
        if status.dnsmasq is not None:
            root.set("pid", str(status.dnsmasq.pid))
            root.set("starttime", str(status.dnsmasq.start_time))
        root.append(etree.fromstring(kvmctl.network.format(status.live)))
        path = self.files.status(status.live.name)
        try:
            write_atomically(path, etree.tostring(root, encoding="unicode", pretty_print=True))
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error

    def load_statuses(self) -> list[NetworkStatus]:
        found = []
        for path in readable(self.files.run):
            try:
                found.append(_parse_status(path.read_bytes()))
            except (OSError, DomainError, ValueError, KeyError, etree.XMLSyntaxError) as error:
                log.error("ignoring network status %s: %s", path, error)
        return found


def _parse_status(text: bytes) -> NetworkStatus:
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    element = root.find("network")
    if root.tag != "networkstatus" or element is None:
        raise ValueError("not a network status")
    dnsmasq = None
    if "pid" in root.attrib:
        dnsmasq = ProcessIdentity(int(root.attrib["pid"]), int(root.attrib["starttime"]))
    live = kvmctl.network.parse(etree.tostring(element))
    return NetworkStatus(live, root.get("finished") == "yes", dnsmasq)
