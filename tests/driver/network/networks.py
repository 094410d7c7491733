"""Network XML for the tests."""

from __future__ import annotations

DHCP = "<dhcp><range start='192.0.2.2' end='192.0.2.254'/></dhcp>"


def network_xml(
    name: str,
    *,
    forward: str = "<forward mode='nat'/>",
    bridge: str = "",
    address: str = "192.0.2.1",
    dhcp: str | None = None,
    extra: str = "",
) -> str:
    if dhcp is None:
        dhcp = DHCP.replace("192.0.2.", address.rpartition(".")[0] + ".")
    return (
        f"<network><name>{name}</name>{forward}{bridge}{extra}"
        f"<ip address='{address}' netmask='255.255.255.0'>{dhcp}</ip></network>"
    )
