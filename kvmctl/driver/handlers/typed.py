"""Typed parameters of the APIs that set and get tuning: which are known, of what type."""

from collections.abc import Mapping, Sequence

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

TYPED_STRING_OKAY = 1 << 2  # VIR_TYPED_PARAM_STRING_OKAY

_NAMES = {
    ParamType.INT: "int",
    ParamType.UINT: "unsigned int",
    ParamType.LLONG: "llong",
    ParamType.ULLONG: "ullong",
    ParamType.DOUBLE: "double",
    ParamType.BOOLEAN: "boolean",
    ParamType.STRING: "string",
}


def validated(params: Sequence[TypedParam], known: Mapping[str, ParamType]) -> dict[str, int | float | str]:
    """The values by name. Raises as libvirt does for names that are unknown or twice, and for other types."""
    values: dict[str, int | float | str] = {}
    for param in params:
        if param.field in values:
            raise failure(ErrorCode.INVALID_ARG, f"parameter '{param.field}' occurs multiple times")
        if param.field not in known:
            raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, f"parameter '{param.field}' not supported")
        wanted = known[param.field]
        if param.value.type is not wanted:
            raise failure(
                ErrorCode.INVALID_ARG,
                f"invalid type '{_NAMES[param.value.type]}' for parameter '{param.field}', "
                f"expected '{_NAMES[wanted]}'",
            )
        values[param.field] = param.value.value
    return values


def limited(params: Sequence[TypedParam], wanted: int) -> tuple[TypedParam, ...]:
    """As many as the client has room for; with 0 it only asks how many there are."""
    return tuple(params[:wanted]) if wanted > 0 else ()


def understood(params: Sequence[TypedParam], flags: int) -> list[TypedParam]:
    """Without text for clients that do not know it (VIR_TYPED_PARAM_STRING_OKAY)."""
    return [
        param for param in params if flags & TYPED_STRING_OKAY or param.value.type is not ParamType.STRING
    ]
