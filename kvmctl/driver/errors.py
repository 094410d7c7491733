"""How failures of the driver's parts become errors that libvirt clients know (the wording around them is
the wire's)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from kvmctl.backends import BackendError, Busy, Unsupported
from kvmctl.domain import DomainError
from kvmctl.driver.rpc import ErrorCode, ErrorDomain, VirError


def failure(code: ErrorCode, detail: str) -> VirError:
    return VirError(code, detail)


def system_failure(error: OSError, action: str) -> VirError:
    """VIR_ERR_SYSTEM_ERROR: what was tried, then the system's own words."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if isinstance(error.filename, str) and error.filename not in action:
        reason = f"'{error.filename}': {reason}"
    return VirError(ErrorCode.SYSTEM_ERROR, f"{action}: {reason}")


def backend_failure(error: BackendError) -> VirError:
    """What kept a device's host end from being opened."""
    match error:
        case Unsupported():
            code = ErrorCode.CONFIG_UNSUPPORTED
        case Busy():
            code = ErrorCode.RESOURCE_BUSY
        case _:
            code = ErrorCode.SYSTEM_ERROR
    return VirError(code, str(error))


def domain_failure(error: DomainError) -> VirError:
    """What is wrong with a domain XML; the kinds carry the names of libvirt's codes."""
    return VirError(ErrorCode[error.kind.name], str(error), ErrorDomain.DOMAIN)


def not_running() -> VirError:
    return failure(ErrorCode.OPERATION_INVALID, "domain is not running")


def check_flags(flags: int, supported: int, function: str) -> None:
    """Refuse flags that a function does not know, as libvirt's virCheckFlags does."""
    unknown = flags & ~int(supported)
    if unknown:
        raise failure(ErrorCode.INVALID_ARG, f"unsupported flags (0x{unknown:x}) in function {function}")


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turn the domain room's errors into wire errors."""
    try:
        yield
    except DomainError as error:
        raise domain_failure(error) from error
