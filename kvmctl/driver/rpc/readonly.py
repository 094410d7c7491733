"""What a read-only connection is refused (libvirt checks this in the API functions of src/libvirt-*.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kvmctl.driver.rpc.errors import ErrorCode, VirError
from kvmctl.driver.rpc.procedures import Procedure

_XML_SECURE: Final = 1  # the same bit for domains, save images, snapshots and checkpoints
_XML_MIGRATABLE: Final = 8
_VCPU_GUEST: Final = 8
_SOURCE_AGENT: Final = 1


@dataclass(frozen=True, slots=True)
class _Case:
    """A procedure that reads, but is refused when a field has one of the bits."""

    field: str
    bits: int
    refusal: str


_CASES: Final = {
    Procedure.DOMAIN_GET_XML_DESC: _Case(
        "flags", _XML_SECURE | _XML_MIGRATABLE, "virDomainGetXMLDesc with secure flag"
    ),
    Procedure.DOMAIN_MANAGED_SAVE_GET_XML_DESC: _Case(
        "flags", _XML_SECURE, "virDomainManagedSaveGetXMLDesc with secure flag"
    ),
    Procedure.DOMAIN_SNAPSHOT_GET_XML_DESC: _Case(
        "flags", _XML_SECURE, "virDomainSnapshotGetXMLDesc with secure flag"
    ),
    Procedure.DOMAIN_CHECKPOINT_GET_XML_DESC: _Case(
        "flags", _XML_SECURE, "virDomainCheckpointGetXMLDesc with secure flag"
    ),
    Procedure.DOMAIN_GET_VCPUS_FLAGS: _Case(
        "flags", _VCPU_GUEST, "read only access prevents virDomainGetVcpusFlags"
    ),
    Procedure.DOMAIN_INTERFACE_ADDRESSES: _Case(
        "source", _SOURCE_AGENT, "read only access prevents virDomainInterfaceAddresses"
    ),
}


def check(procedure: Procedure, arguments: Any) -> None:
    """Refuse the call with OPERATION_DENIED unless it only reads."""
    if procedure.guarded:
        raise VirError(ErrorCode.OPERATION_DENIED, f"read only access prevents {procedure.guarded}")
    case = _CASES.get(procedure)
    if case is not None and getattr(arguments, case.field) & case.bits:
        raise VirError(ErrorCode.OPERATION_DENIED, case.refusal)
