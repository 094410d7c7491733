"""All networks of the daemon, found by name or uuid; names, uuids and bridges are each one network's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from uuid import UUID

import kvmctl.network
from kvmctl.domain import DomainError
from kvmctl.driver.errors import failure
from kvmctl.driver.network.object import NetworkObject
from kvmctl.driver.rpc import ErrorCode, ErrorDomain, VirError
from kvmctl.host import bridge
from kvmctl.network import Network


class NetworkInventory:
    def __init__(self) -> None:
        self._networks: dict[UUID, NetworkObject] = {}

    def __iter__(self) -> Iterator[NetworkObject]:
        return iter(sorted(self._networks.values(), key=lambda network: network.name))

    def by_uuid(self, uuid: UUID, name: str | None = None) -> NetworkObject:
        network = self._networks.get(uuid)
        if network is None:
            suffix = f" ({name})" if name else ""
            raise failure(ErrorCode.NO_NETWORK, f"no network with matching uuid '{uuid}'{suffix}")
        return network

    def by_name(self, name: str) -> NetworkObject:
        for network in self._networks.values():
            if network.name == name:
                return network
        raise failure(ErrorCode.NO_NETWORK, f"no network with matching name '{name}'")

    def match(self, definition: Network) -> NetworkObject | None:
        """The network that a definition is for, or None for a new one; a half match is refused."""
        for other in self._networks.values():
            if (other.name == definition.name) != (other.uuid == definition.uuid):
                how = "already exists" if other.name == definition.name else "is already defined"
                raise failure(
                    ErrorCode.OPERATION_FAILED, f"network '{other.name}' {how} with uuid {other.uuid}"
                )
        return self._networks.get(definition.uuid) if definition.uuid is not None else None

    def add(self, network: NetworkObject) -> None:
        self._networks[network.uuid] = network

    def remove(self, network: NetworkObject) -> None:
        network.removed = True
        self._networks.pop(network.uuid, None)

    def parse(self, text: str) -> Network:
        """A complete definition, whose bridge is no other network's. Raises VirError."""
        try:
            parsed = kvmctl.network.inactive(kvmctl.network.parse(text))
        except DomainError as error:
            raise xml_failure(error) from error
        definition = kvmctl.network.with_defaults(parsed, self.free_bridge)
        self._check_bridge(definition)
        return definition

    def free_bridge(self) -> str:
        """A name that no bridge has, running or defined."""
        used = {
            definition.bridge_name
            for network in self._networks.values()
            for definition in (network.config, network.live)
            if definition is not None
        }
        names = (f"virbr{number}" for number in itertools.count())
        return next(name for name in names if name not in used and not bridge.exists(name))

    def _check_bridge(self, definition: Network) -> None:
        for other in self._networks.values():
            if definition.uuid == other.uuid or definition.name == other.name:
                continue
            for theirs in (other.config, other.live):
                if theirs is None or theirs.bridge_name != definition.bridge_name:
                    continue
                # Networks on somebody else's bridge can share it.
                if theirs.owns_bridge or definition.owns_bridge:
                    raise failure(
                        ErrorCode.INTERNAL_ERROR, f"bridge name '{definition.bridge_name}' already in use."
                    )


def xml_failure(error: DomainError) -> VirError:
    """The kinds carry the names of libvirt's codes."""
    return VirError(ErrorCode[error.kind.name], str(error), ErrorDomain.NETWORK)
