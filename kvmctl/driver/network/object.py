"""The network object: what the driver knows of one network, running or not."""

import asyncio
from uuid import UUID

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.network import Network


class NetworkObject:
    """``config`` is the persistent definition, ``live`` that of the running network; changes happen under
    ``lock``.
    """

    def __init__(self, *, config: Network | None = None, live: Network | None = None) -> None:
        self.config = config
        self.live = live
        self.active = False
        self.autostart = False
        self.removed = False
        self.dnsmasq: ProcessIdentity | None = None
        self.lock = asyncio.Lock()
        uuid = self.definition.uuid
        if uuid is None:
            raise ValueError(f"network '{self.definition.name}' has no uuid")
        self.uuid: UUID = uuid

    @property
    def definition(self) -> Network:
        """The live definition of a running network, else the persistent one."""
        definition = self.live or self.config
        if definition is None:
            raise failure(ErrorCode.INTERNAL_ERROR, "network has no definition")
        return definition

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def persistent(self) -> bool:
        return self.config is not None

    def require_active(self) -> Network:
        if not self.active or self.live is None:
            raise failure(ErrorCode.OPERATION_INVALID, f"network '{self.name}' is not active")
        return self.live
