"""All storage pools of the daemon: found by name, uuid or directory, defined, started and ended."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import kvmctl.storage
from kvmctl.domain import DomainError
from kvmctl.domain.model import Present
from kvmctl.driver.errors import domain_errors, failure, system_failure
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import ErrorCode, VirError
from kvmctl.driver.storage import volumes
from kvmctl.driver.store import remove_unfinished, sync_directory, write_atomically
from kvmctl.storage import Pool, Volume

log = logging.getLogger(__name__)

_DIRECTORY_MODE = 0o711


@dataclass(slots=True)
class PoolObject:
    definition: Pool
    uuid: UUID
    persistent: bool = False
    active: bool = False
    autostart: bool = False

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def directory(self) -> Path:
        return Path(self.definition.path)

    def require_active(self) -> None:
        if not self.active:
            raise failure(ErrorCode.OPERATION_INVALID, f"storage pool '{self.name}' is not active")

    def sizes(self) -> tuple[int, int, int]:
        """Capacity, allocation and what is available of the file system, in bytes."""
        try:
            status = os.statvfs(self.directory)
        except OSError as error:
            raise system_failure(error, f"cannot look at '{self.directory}'") from error
        capacity = status.f_blocks * status.f_frsize
        available = status.f_bavail * status.f_frsize
        return capacity, capacity - status.f_bfree * status.f_frsize, available

    def described(self) -> Pool:
        capacity, allocation, available = self.sizes() if self.active else (0, 0, 0)
        return replace(
            self.definition,
            capacity=capacity,
            capacity_unit="bytes",
            allocation=allocation,
            allocation_unit="bytes",
            available=available,
            available_unit="bytes",
            source=Present(),
        )


class Pools:
    """Definitions are files beside the domains'; a file in the run directory says that a pool is active."""

    def __init__(self, paths: Paths) -> None:
        self._definitions = paths.definitions / "storage"
        self._autostart = self._definitions / "autostart"
        self._run = paths.run / "storage"
        self._pools: dict[UUID, PoolObject] = {}

    # Finding

    def __iter__(self) -> Iterator[PoolObject]:
        return iter(sorted(self._pools.values(), key=lambda pool: pool.name))

    def by_uuid(self, uuid: UUID, name: str | None = None) -> PoolObject:
        pool = self._pools.get(uuid)
        if pool is None:
            suffix = f" ({name})" if name else ""
            raise failure(ErrorCode.NO_STORAGE_POOL, f"no storage pool with matching uuid '{uuid}'{suffix}")
        return pool

    def by_name(self, name: str) -> PoolObject:
        for pool in self._pools.values():
            if pool.name == name:
                return pool
        raise failure(ErrorCode.NO_STORAGE_POOL, f"no storage pool with matching name '{name}'")

    def by_directory(self, path: str) -> PoolObject:
        for pool in self:
            if pool.active and pool.directory == Path(path):
                return pool
        raise failure(ErrorCode.NO_STORAGE_POOL, f"no storage pool with matching target path '{path}'")

    def volume(self, path: str) -> tuple[PoolObject, Volume]:
        """The volume of an active pool at that path."""
        for pool in self:
            if pool.active and pool.directory == Path(path).parent:
                return pool, volumes.describe(Path(path))
        raise volumes.missing(path)

    # The daemon's life

    def start(self) -> None:
        """Read what is defined and what was active; then start those that start with the daemon."""
        for directory in (self._definitions, self._autostart, self._run):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_unfinished(directory)
        for directory in (self._definitions, self._run):
            for path in sorted(directory.glob("*.xml")):
                self._load(path, persistent=directory == self._definitions)
        for pool in self:
            if pool.autostart and not pool.active:
                try:
                    self.activate(pool, build=False)
                except VirError as error:
                    log.error("cannot autostart storage pool '%s': %s", pool.name, error)

    def _load(self, path: Path, *, persistent: bool) -> None:
        try:
            definition = kvmctl.storage.parse_pool(path.read_bytes())
        except (OSError, DomainError) as error:
            log.error("ignoring storage pool %s: %s", path, error)
            return
        if definition.uuid is None or definition.name != path.stem:
            log.error("ignoring storage pool %s: it defines '%s'", path, definition.name)
            return
        pool = self._pools.setdefault(definition.uuid, PoolObject(definition, definition.uuid))
        if persistent:
            pool.persistent = True
            pool.autostart = (self._autostart / path.name).is_symlink()
        else:
            pool.active = pool.directory.is_dir()

    # Definitions

    def define(self, xml: str) -> PoolObject:
        with domain_errors():
            definition = kvmctl.storage.parse_pool(xml)
        pool = self._matching(definition)
        if pool is None:
            pool = self._add(definition)
        elif not pool.active:
            pool.definition = replace(definition, uuid=pool.uuid)
        self._write(self._definitions, pool)
        pool.persistent = True
        return pool

    def create(self, xml: str, *, build: bool) -> PoolObject:
        """A pool that is active, and gone when it is not any more, unless it is defined too."""
        with domain_errors():
            definition = kvmctl.storage.parse_pool(xml)
        pool = self._matching(definition)
        if pool is not None and pool.active:
            raise failure(ErrorCode.OPERATION_INVALID, f"pool '{pool.name}' is already active")
        pool = pool or self._add(definition)
        try:
            self.activate(pool, build=build)
        except VirError:
            self._forget_if_unused(pool)
            raise
        return pool

    def _add(self, definition: Pool) -> PoolObject:
        uuid = definition.uuid or uuid4()
        pool = PoolObject(replace(definition, uuid=uuid), uuid)
        self._pools[uuid] = pool
        return pool

    def _matching(self, definition: Pool) -> PoolObject | None:
        """The pool that a definition is for, or None for a new one; half a match is refused."""
        for other in self._pools.values():
            same_name, same_uuid = other.name == definition.name, other.uuid == definition.uuid
            if same_name and (same_uuid or definition.uuid is None):
                return other
            if same_name or same_uuid:
                raise failure(
                    ErrorCode.OPERATION_FAILED, f"pool '{other.name}' already exists with uuid {other.uuid}"
                )
            if other.definition.path == definition.path:
                raise failure(
                    ErrorCode.OPERATION_FAILED,
                    f"Storage source conflict with pool: '{other.name}': both are in '{definition.path}'",
                )
        return None

    def undefine(self, pool: PoolObject) -> None:
        if pool.active:
            raise failure(ErrorCode.OPERATION_INVALID, f"storage pool '{pool.name}' is still active")
        try:
            (self._autostart / f"{pool.name}.xml").unlink(missing_ok=True)
            (self._definitions / f"{pool.name}.xml").unlink(missing_ok=True)
            sync_directory(self._definitions)
        except OSError as error:
            raise system_failure(error, f"cannot remove the definition of '{pool.name}'") from error
        pool.persistent = False
        self._forget_if_unused(pool)

    def set_autostart(self, pool: PoolObject, enabled: bool) -> None:
        if not pool.persistent:
            raise failure(ErrorCode.INVALID_ARG, "pool has no config file")
        link = self._autostart / f"{pool.name}.xml"
        try:
            if enabled:
                with suppress(FileExistsError):
                    link.symlink_to(self._definitions / f"{pool.name}.xml")
            else:
                link.unlink(missing_ok=True)
        except OSError as error:
            raise system_failure(error, f"cannot change autostart link '{link}'") from error
        pool.autostart = enabled

    # Running

    def activate(self, pool: PoolObject, *, build: bool) -> None:
        if pool.active:
            raise failure(ErrorCode.OPERATION_INVALID, f"storage pool '{pool.name}' is already active")
        if build:
            self.build(pool)
        volumes.names(pool.directory)  # whether it can be read
        pool.active = True
        self._write(self._run, pool)

    def build(self, pool: PoolObject) -> None:
        """Make the directory, if it is not there."""
        permissions = pool.definition.permissions
        try:
            pool.directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            if permissions is not None:
                volumes.set_permissions(pool.directory, permissions)
        except OSError as error:
            raise system_failure(error, f"cannot create directory '{pool.directory}'") from error

    def destroy(self, pool: PoolObject) -> None:
        pool.require_active()
        pool.active = False
        (self._run / f"{pool.name}.xml").unlink(missing_ok=True)
        self._forget_if_unused(pool)

    def delete(self, pool: PoolObject) -> None:
        """Remove the directory, which has to be empty."""
        if pool.active:
            raise failure(ErrorCode.OPERATION_INVALID, f"storage pool '{pool.name}' is still active")
        try:
            pool.directory.rmdir()
        except OSError as error:
            raise system_failure(error, f"failed to remove pool '{pool.directory}'") from error

    def _forget_if_unused(self, pool: PoolObject) -> None:
        if not pool.active and not pool.persistent:
            self._pools.pop(pool.uuid, None)

    def _write(self, directory: Path, pool: PoolObject) -> None:
        path = directory / f"{pool.name}.xml"
        try:
            write_atomically(path, kvmctl.storage.format(pool.definition))
        except OSError as error:
            raise system_failure(error, f"cannot write '{path}'") from error
