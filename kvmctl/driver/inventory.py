"""All domains of the daemon, found by name, uuid or id; names and uuids are unique, ids are never used
twice."""

from collections.abc import Iterator
from uuid import UUID

from kvmctl.domain import Domain
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.store import Store, uuid_of


class Inventory:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._domains: dict[UUID, DomainObject] = {}
        self._names: dict[str, DomainObject] = {}
        self._next_id = store.load_next_id()

    def __iter__(self) -> Iterator[DomainObject]:
        return iter(sorted(self._domains.values(), key=lambda domain: domain.name))

    def allocate_id(self) -> int:
        """Ids are for a host's whole uptime, so that a client never mistakes a new guest for an old one."""
        allocated = self._next_id
        self._next_id += 1
        self._store.save_next_id(self._next_id)
        return allocated

    def reserve_id(self, used: int) -> None:
        """An adopted guest keeps its id, whatever became of the counter's file."""
        if used >= self._next_id:
            self._next_id = used + 1
            self._store.save_next_id(self._next_id)

    def add(self, domain: DomainObject) -> None:
        self._domains[domain.uuid] = domain
        self._names[domain.name] = domain

    def remove(self, domain: DomainObject) -> None:
        domain.removed = True
        self._domains.pop(domain.uuid, None)
        self._names.pop(domain.name, None)

    def renamed(self, domain: DomainObject, old: str) -> None:
        """A domain of the inventory has another name than it had."""
        del self._names[old]
        self._names[domain.name] = domain

    def find(self, uuid: UUID) -> DomainObject | None:
        return self._domains.get(uuid)

    def by_uuid(self, uuid: UUID, name: str | None = None) -> DomainObject:
        domain = self._domains.get(uuid)
        if domain is None:
            suffix = f" ({name})" if name else ""
            raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching uuid '{uuid}'{suffix}")
        return domain

    def by_name(self, name: str) -> DomainObject:
        if name not in self._names:
            raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching name '{name}'")
        return self._names[name]

    def has_name(self, name: str) -> bool:
        return name in self._names

    def by_id(self, number: int) -> DomainObject:
        for domain in self._domains.values():
            if domain.active and domain.id == number:
                return domain
        raise failure(ErrorCode.NO_DOMAIN, f"no domain with matching id {number}")

    def match(self, definition: Domain) -> DomainObject | None:
        """The domain that a definition is for, or None for a new one; a half match is refused."""
        uuid = uuid_of(definition)
        existing = self._domains.get(uuid)
        if existing is not None:
            if existing.name != definition.name:
                raise failure(
                    ErrorCode.OPERATION_FAILED,
                    f"domain '{existing.name}' is already defined with uuid {uuid}",
                )
            return existing
        other = self._names.get(definition.name)
        if other is not None:
            raise failure(
                ErrorCode.OPERATION_FAILED,
                f"domain '{other.name}' is already defined with uuid {other.uuid}",
            )
        return None

    @property
    def active_count(self) -> int:
        return sum(domain.active for domain in self._domains.values())
