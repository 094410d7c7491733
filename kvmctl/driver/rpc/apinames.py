"""The public API function of a procedure, as libvirt's messages name it."""

from __future__ import annotations

from typing import Final

from kvmctl.driver.rpc.procedures import Procedure

_WORDS: Final = {
    "XML": "XML",
    "CPU": "CPU",
    "UUID": "UUID",
    "ID": "ID",
    "NMI": "NMI",
    "OS": "OS",
    "URI": "URI",
    "IOTHREAD": "IOThread",
    "FSFREEZE": "FSFreeze",
    "FSTHAW": "FSThaw",
    "FSTRIM": "FSTrim",
    "FSINFO": "FSInfo",
    "PM": "PM",
    "SSH": "SSH",
    "FD": "FD",
    "MAC": "MAC",
    "WWN": "WWN",
    "DHCP": "DHCP",
    "NWFILTER": "NWFilter",
    "NWFILTERS": "NWFilters",
    "SEV": "SEV",
    "VCPUS": "Vcpus",
    "JSON": "JSON",
}


def api_name(procedure: Procedure) -> str:
    """virDomainScreenshot for DOMAIN_SCREENSHOT; the guarded ones have it in their row."""
    if procedure.guarded:
        return procedure.guarded
    return "vir" + "".join(_WORDS.get(word, word.capitalize()) for word in procedure.name.split("_"))
