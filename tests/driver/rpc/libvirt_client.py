"""Run as a program: what libvirt-python gets from the server at the URI given, as JSON."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import libvirt


def main(uri: str) -> dict[str, Any]:
    libvirt.virEventRegisterDefaultImpl()

    def loop() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=loop, daemon=True).start()
    connection = libvirt.open(uri)
    connection.setKeepAlive(1, 3)
    arrived = threading.Event()
    events: list[Any] = []

    def lifecycle(_connection: Any, domain: Any, event: int, detail: int, _opaque: None) -> None:
        events.append([domain.name(), event, detail])
        arrived.set()

    subscription = connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None
    )
    (domain,) = connection.listAllDomains()
    domain.suspend()
    arrived.wait(10)
    connection.domainEventDeregisterAny(subscription)
    stream = connection.newStream()
    domain.openConsole(None, stream)
    heard = stream.recv(1024)
    stream.send(b"hello")
    heard += stream.recv(1024)
    stream.finish()
    try:
        domain.create()
        refusal = None
    except libvirt.libvirtError as error:
        refusal = [
            error.get_error_code(),
            error.get_error_domain(),
            error.get_error_message(),
            error.get_str2(),
        ]
    return {
        "uuid": domain.UUIDString(),
        "id": domain.ID(),
        "info": domain.info(),
        "parameters": domain.schedulerParametersFlags(0),
        "node": connection.getInfo(),
        "memory": connection.getMemoryStats(-1),
        "security": connection.getSecurityModel(),
        "stats": [values for _, values in connection.getAllDomainStats()],
        "events": events,
        "console": heard.decode(),
        "refusal": refusal,
        "alive": connection.isAlive(),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
