"""What survives the daemon, without a daemon."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from kvmctl.domain import Domain, inactive, parse, with_defaults
from kvmctl.driver.constants import PausedReason, State
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.inventory import Inventory
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.driver.store import Status, Store, check_name, write_atomically
from kvmctl.driver.vmprocess import ProcessIdentity
from tests.driver.guests import fake_xml


@pytest.fixture
def store(tmp_path: Path) -> Store:
    paths = Paths.for_session(
        {
            name: str(tmp_path / name)
            for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME")
        }
    )
    paths.create()
    return Store(paths)


def domain(name: str = "guest") -> Domain:
    return with_defaults(inactive(parse(fake_xml(name))))


def test_definitions(store: Store) -> None:
    saved = domain()
    store.save_definition(saved)
    assert store.load_definitions() == [saved]
    changed = replace(saved, title="other")
    store.save_definition(changed)
    assert store.load_definitions() == [changed]
    store.set_autostart("guest", True)
    store.set_autostart("guest", True)
    assert store.autostart("guest")
    store.delete_definition("guest")
    assert store.load_definitions() == []
    assert not store.autostart("guest")
    assert [path.name for path in store.paths.definitions.iterdir()] == ["autostart"]


def test_status(store: Store) -> None:
    live = replace(domain(), id=7)
    identity = ProcessIdentity(4711, 12345)
    status = Status(live, True, State.PAUSED, PausedReason.USER, identity, autodestroy=True)
    store.save_status(status)
    assert store.load_statuses() == [status]
    unfinished = replace(status, identity=None)
    store.save_status(unfinished)
    assert store.load_statuses() == [unfinished]
    store.run_files(live).remove()
    assert store.load_statuses() == []


def test_long_names_have_short_run_files(store: Store) -> None:
    files = store.run_files(domain("x" * 190))
    assert len(os.fsencode(files.qmp.name)) < 80
    assert files.status.parent == store.paths.run


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_left_over_temporary_files_are_removed(store: Store) -> None:
    (store.paths.definitions / ".new-abc").write_text("half")
    (store.paths.run / ".new-def").write_text("half")
    store.clean_up()
    assert store.load_statuses() == []
    assert not list(store.paths.run.iterdir())


@pytest.mark.parametrize("name", ["a/b", ".hidden", "two\nlines", "x" * 252, "\u00e9" * 126])
def test_names_that_cannot_be_files(name: str) -> None:
    with pytest.raises(VirError) as caught:
        check_name(name)
    assert caught.value.code is ErrorCode.XML_ERROR


@pytest.mark.parametrize("name", ["a", "with space", "x" * 200, "\u00e9" * 100, "a.xml", "-"])
def test_names_that_can(store: Store, name: str) -> None:
    check_name(name)
    store.save_definition(domain(name))
    assert [found.name for found in store.load_definitions()] == [name]


def test_ids_are_not_used_again(store: Store) -> None:
    inventory = Inventory(store)
    assert [inventory.allocate_id(), inventory.allocate_id()] == [1, 2]
    assert Inventory(store).allocate_id() == 3
    (store.paths.run / "next-id").write_text("nonsense")
    recovered = Inventory(store)
    recovered.reserve_id(41)
    assert recovered.allocate_id() == 42


def test_half_matches_are_refused(store: Store) -> None:
    inventory = Inventory(store)
    known = domain()
    held = DomainObject(config=known)
    inventory.add(held)
    assert inventory.match(known) is held
    assert inventory.match(domain("other")) is None
    with pytest.raises(VirError, match=f"domain 'guest' is already defined with uuid {known.uuid}"):
        inventory.match(domain("guest"))
    with pytest.raises(VirError, match="domain 'guest' is already defined"):
        inventory.match(replace(domain("other"), uuid=known.uuid))
    inventory.remove(held)
    with pytest.raises(VirError, match="no domain with matching uuid"):
        inventory.by_uuid(UUID(int=1))


def test_session_paths_without_a_runtime_directory() -> None:
    """As g_get_user_runtime_dir: the cache directory takes its place; relative values do not count."""
    paths = Paths.for_session({"HOME": "/home/u", "XDG_CONFIG_HOME": "relative"})
    assert paths.socket == Path("/home/u/.cache/libvirt/virtkvmctld-sock")
    assert paths.definitions == Path("/home/u/.config/libvirt/kvmctl")


def test_system_paths() -> None:
    paths = Paths.system()
    assert paths.socket == Path("/run/libvirt/virtkvmctld-sock")
    assert paths.definition("guest") == Path("/etc/libvirt/kvmctl/guest.xml")
    assert paths.domain_log("guest") == Path("/var/log/libvirt/kvmctl/guest.log")
