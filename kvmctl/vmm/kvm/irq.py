"""Message-signalled interrupts: each has a GSI of its own, an eventfd that raises it, and a routing entry."""

from __future__ import annotations

import os
import threading
from typing import Final

from kvmctl.vmm.kvm.vm import MsiRoute, Vm

FIRST_MSI_GSI: Final = 24
"""After the pins of the IOAPIC."""


class MsiRouter:
    """Hands out the GSIs beyond the IOAPIC's and keeps KVM's routing table."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._lock = threading.Lock()
        self._routes: dict[int, MsiRoute] = {}
        self._next_gsi = FIRST_MSI_GSI

    def vector(self) -> MsiVector:
        with self._lock:
            gsi = self._next_gsi
            self._next_gsi += 1
        return MsiVector(self, gsi)

    def update(self, route: MsiRoute) -> None:
        """Raises KvmError for a message that the host does not take, and keeps the earlier one."""
        with self._lock:
            if self._routes.get(route.gsi) == route:
                return  # an update stops all interrupts for milliseconds
            routes = {**self._routes, route.gsi: route}
            self._vm.set_gsi_routing(routes.values())
            self._routes = routes

    def attach(self, fd: int, gsi: int) -> None:
        self._vm.irqfd(fd, gsi)

    def detach(self, fd: int, gsi: int) -> None:
        self._vm.irqfd(fd, gsi, assign=False)


class MsiVector:
    """One interrupt message; `fd` may be handed to anything that is to raise it."""

    def __init__(self, router: MsiRouter, gsi: int) -> None:
        self._router = router
        self._gsi = gsi
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._attached = False

    def route(self, address: int, data: int) -> None:
        self._router.update(MsiRoute(self._gsi, address, data))
        if not self._attached:
            self._router.attach(self.fd, self._gsi)
            self._attached = True

    def signal(self) -> None:
        os.eventfd_write(self.fd, 1)

    def wire(self, fd: int) -> None:
        self._router.attach(fd, self._gsi)

    def unwire(self, fd: int) -> None:
        self._router.detach(fd, self._gsi)
