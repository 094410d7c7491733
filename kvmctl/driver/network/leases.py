"""The addresses that a network's dnsmasq has given out, as its lease file has them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from kvmctl.driver.errors import system_failure
from kvmctl.driver.network.files import NetworkFiles
from kvmctl.network.codecs import ADDRESS, Address


@dataclass(frozen=True, slots=True)
class GivenLease:
    """A line of the lease file. `expiry` in seconds since 1970, 0 for never."""

    expiry: int
    mac: str | None
    iaid: str | None
    address: Address
    hostname: str | None
    client_id: str | None


def given(name: str, files: NetworkFiles) -> list[GivenLease]:
    """What is given out and has not expired."""
    try:
        text = files.lease_file(name).read_text(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise system_failure(error, "cannot read the DHCP leases") from error
    now = time.time()
    return [lease for lease in parse_leases(text) if not lease.expiry or lease.expiry > now]


def parse_leases(text: str) -> Iterator[GivenLease]:
    """Lines of expiry, MAC, address, name, client id; whatever is no such line is left out.

    After the line with the server's DUID they are IPv6's, with an IAID in the place of the MAC.
    """
    version6 = False
    for line in text.splitlines():
        fields = line.split(" ")
        if fields[0] == "duid":
            version6 = True
            continue
        if len(fields) < 5 or not fields[0].isdigit():
            continue
        try:
            address = ADDRESS.parse(fields[2])
        except ValueError:
            continue
        name, client = (None if field == "*" else field for field in fields[3:5])
        if version6:
            yield GivenLease(int(fields[0]), _mac_of(client), fields[1].lstrip("T"), address, name, client)
        else:
            yield GivenLease(int(fields[0]), fields[1].lower(), None, address, name, client)


def _mac_of(duid: str | None) -> str | None:
    """A DUID of type LLT or LL over Ethernet ends with the card's address (RFC 8415, 11.2 and 11.4)."""
    parts = (duid or "").lower().split(":")
    if (parts[:4] == ["00", "01", "00", "01"] and len(parts) == 14) or (
        parts[:4] == ["00", "03", "00", "01"] and len(parts) == 10
    ):
        return ":".join(parts[-6:])
    return None
