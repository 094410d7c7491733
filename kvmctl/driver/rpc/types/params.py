"""Typed parameters: libvirt's extensible name and value lists (virTypedParameter)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from kvmctl.driver.rpc.types.base import Double, Hyper, Int, String, UHyper, UInt
from kvmctl.driver.rpc.xdr import struct, union


class ParamType(IntEnum):
    """virTypedParameterType."""

    INT = 1
    UINT = 2
    LLONG = 3
    ULLONG = 4
    DOUBLE = 5
    BOOLEAN = 6
    STRING = 7


@union(
    {
        ParamType.INT: Int,
        ParamType.UINT: UInt,
        ParamType.LLONG: Hyper,
        ParamType.ULLONG: UHyper,
        ParamType.DOUBLE: Double,
        ParamType.BOOLEAN: Int,
        ParamType.STRING: String,
    }
)
class TypedParamValue:
    type: ParamType
    value: int | float | str


@struct
class TypedParam:
    field: String
    value: TypedParamValue

    @classmethod
    def of(cls, field: str, kind: ParamType, value: int | float | str) -> TypedParam:
        return cls(field, TypedParamValue(kind, value))


def as_dict(params: Sequence[TypedParam]) -> dict[str, int | float | str]:
    """The values by name, where the types do not matter."""
    return {param.field: param.value.value for param in params}
