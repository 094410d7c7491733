"""dnsmasq(8), which gives a network's guests their addresses and answers their DNS queries."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.network.files import NetworkFiles
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vmprocess import ProcessIdentity
from kvmctl.network import Dhcp, DhcpHost, DhcpRange, Dns, Ip, Network
from kvmctl.network.codecs import ADDRESS, Address
from kvmctl.network.model import Lease

PROGRAM: Final = "dnsmasq"
_PATIENCE: Final = 30.0
_MOST_LEASES: Final = 65535
_UNITS: Final = {"seconds": "s", "minutes": "m", "hours": "h"}


def is_wanted(network: Network) -> bool:
    """Whether there is anything for it to do."""
    if not network.owns_bridge or not network.ips:
        return False
    dns_off = network.dns is not None and network.dns.enable is False
    return not dns_off or any(ip.dhcp is not None or ip.tftp is not None for ip in network.ips)


# The configuration (dnsmasq(8), "OPTIONS")


def configuration(network: Network, files: NetworkFiles) -> str:
    """The file: nothing of dnsmasq's own defaults, and nothing of the host's, but for its name servers."""
    lines = [
        "# Written anew whenever the network starts or changes: use virsh net-edit instead.",
        "strict-order",
        "no-hosts",
        f"pid-file={_quoted(files.dnsmasq_pid(network.name))}",
        "except-interface=lo",
        "bind-dynamic",
        f"interface={network.bridge_name}",
        *_dns(network),
        *_names(network),
        *_dhcp(network, files),
    ]
    return "\n".join(lines) + "\n"


def _dns(network: Network) -> Iterator[str]:
    dns = network.dns or Dns()
    if dns.enable is False:
        yield "port=0"
        return
    if network.forward is None:
        # A guest without a way out has nobody to ask.
        yield "no-resolv"
    elif any(forwarder.domain is None for forwarder in dns.forwarders):
        yield "no-resolv"
    for forwarder in dns.forwarders:
        domain = f"/{forwarder.domain}/" if forwarder.domain else ""
        yield f"server={domain}{forwarder.address or '#'}"
    if dns.forward_plain_names is False:
        yield "domain-needed"
        yield "local=//"
    for txt in dns.txts:
        yield f"txt-record={txt.name},{_quoted(txt.value)}"
    for host in dns.hosts:
        yield f"host-record={','.join(each.name for each in host.hostnames)},{host.ip}"
    for srv in dns.srvs:
        name = f"_{srv.service}._{srv.protocol}" + (f".{srv.domain}" if srv.domain else "")
        if srv.target is None:
            yield f"srv-host={name}"
        else:
            yield f"srv-host={name},{srv.target},{srv.port or 1},{srv.priority or 0},{srv.weight or 0}"
    for ip in network.ips:
        if ip.local_ptr and (zone := _reverse_zone(ip)):
            yield f"local=/{zone}/"


def _quoted(text: str | Path) -> str:
    """Whatever characters it has."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _reverse_zone(ip: Ip) -> str | None:
    """The zone of the subnet, where it is one."""
    subnet = ip.subnet
    step = 8 if isinstance(subnet, IPv4Network) else 4
    if subnet.prefixlen % step:
        return None
    labels = subnet.network_address.reverse_pointer.split(".")
    return ".".join(labels[(subnet.max_prefixlen - subnet.prefixlen) // step :])


def _names(network: Network) -> Iterator[str]:
    if network.domain:
        if network.domain_local:
            yield f"local=/{network.domain}/"
        yield f"domain={network.domain}"
        yield "expand-hosts"


def _dhcp(network: Network, files: NetworkFiles) -> Iterator[str]:
    served = [ip for ip in network.ips if ip.dhcp is not None]
    for ip in served:
        if ip.dhcp is not None:
            yield from _addresses(ip.subnet, ip.dhcp)
    if served:
        yield "dhcp-no-override"
        yield "dhcp-authoritative"
        yield f"dhcp-lease-max={_MOST_LEASES}"
        yield f"dhcp-leasefile={_quoted(files.lease_file(network.name))}"
        if network.forward is None:
            yield "dhcp-option=3"  # no router
        if network.mtu is not None:
            yield f"dhcp-option=option:mtu,{network.mtu}"
    if any(ip.address.version == 6 for ip in network.ips):
        yield "enable-ra"
        for ip in network.ips:
            if ip.address.version == 6 and ip.dhcp is None:
                yield f"dhcp-range={ip.subnet.network_address},ra-only"
    for ip in network.ips:
        if ip.tftp is not None:
            yield "enable-tftp"
            yield f"tftp-root={_quoted(ip.tftp)}"


def _addresses(subnet: IPv4Network | IPv6Network, dhcp: Dhcp) -> Iterator[str]:
    mask = str(subnet.netmask) if isinstance(subnet, IPv4Network) else str(subnet.prefixlen)
    for given in dhcp.ranges:
        yield f"dhcp-range={given.start},{given.end},{mask}{_lease(given)}"
    if not dhcp.ranges and dhcp.hosts:
        yield f"dhcp-range={subnet.network_address},static"
    for host in dhcp.hosts:
        yield _host(host)
    if dhcp.boot_file is not None:
        yield f"dhcp-boot={dhcp.boot_file}" + (f",,{dhcp.boot_server}" if dhcp.boot_server else "")


def _host(host: DhcpHost) -> str:
    address = f"[{host.ip}]" if host.ip is not None and host.ip.version == 6 else host.ip
    known_by = host.mac or (f"id:{host.id}" if host.id else None)
    parts = [part for part in (known_by, host.name, address) if part is not None]
    return f"dhcp-host={','.join(map(str, parts))}{_lease(host)}"


def _lease(owner: DhcpRange | DhcpHost) -> str:
    lease: Lease | None = owner.lease
    if lease is None:
        return ""
    return ",infinite" if lease.expiry == 0 else f",{max(lease.expiry, 1)}{_UNITS[lease.unit]}"


# The process


def start(network: Network, files: NetworkFiles) -> ProcessIdentity:
    """Write the configuration and run it; it is in the background when this returns. Raises VirError."""
    config = files.dnsmasq_config(network.name)
    try:
        config.write_text(configuration(network, files))
        files.dnsmasq_pid(network.name).unlink(missing_ok=True)
        done = subprocess.run(
            [PROGRAM, f"--conf-file={config}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE,
            cwd="/",
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        if error.filename != PROGRAM:
            raise system_failure(error, f"cannot write '{config}'") from error
        message = f"network '{network.name}' needs {PROGRAM}, which is not installed (dnsmasq-base)"
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, message) from error
    except subprocess.TimeoutExpired as error:
        late = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        raise system_failure(late, f"cannot start {PROGRAM}") from error
    except OSError as error:
        raise system_failure(error, f"cannot start {PROGRAM}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise failure(
            ErrorCode.INTERNAL_ERROR,
            f"cannot start {PROGRAM} for network '{network.name}': "
            f"{said or f'exit status {done.returncode}'}",
        )
    identity = running(network.name, files)
    if identity is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"{PROGRAM} of network '{network.name}' ended at once")
    return identity


def running(name: str, files: NetworkFiles) -> ProcessIdentity | None:
    """The dnsmasq of a network, by its pid file."""
    try:
        identity = ProcessIdentity.of(int(files.dnsmasq_pid(name).read_text()))
        if identity is None:
            return None
        command = Path(f"/proc/{identity.pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return identity if os.fsencode(files.dnsmasq_config(name)) in command and identity.alive() else None


def stop(identity: ProcessIdentity, *, patience: float = 5.0) -> None:
    """Ask with SIGTERM, then insist; returns when it is gone, or cannot be killed."""
    deadline = time.monotonic() + patience
    number = signal.SIGTERM
    while identity.alive():
        try:
            descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        try:
            if identity.alive():
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)
        while identity.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if number is signal.SIGKILL:
            return
        number, deadline = signal.SIGKILL, time.monotonic() + patience


# Leases


@dataclass(frozen=True, slots=True)
class GivenLease:
    """A line of the lease file. `expiry` in seconds since 1970, 0 for never."""

    expiry: int
    mac: str | None
    iaid: str | None
    address: Address
    hostname: str | None
    client_id: str | None


def leases(name: str, files: NetworkFiles) -> list[GivenLease]:
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
