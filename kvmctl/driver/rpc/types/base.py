"""Scalar types of the remote protocol, by their names in libvirt's interface definition."""

from typing import Annotated

from kvmctl.driver.rpc.xdr import Boolean, FixedOpaque, Floating, Integer, Text
from kvmctl.driver.rpc.xdr import struct as struct

STRING_MAX = 4194304
UUID_LENGTH = 16

Int = Annotated[int, Integer(">i")]
UInt = Annotated[int, Integer(">I")]
Hyper = Annotated[int, Integer(">q")]
UHyper = Annotated[int, Integer(">Q")]
Char = Annotated[int, Integer(">i", -128, 127)]
UChar = Annotated[int, Integer(">I", 0, 255)]
UShort = Annotated[int, Integer(">I", 0, 65535)]
Double = Annotated[float, Floating()]
Bool = Annotated[bool, Boolean()]
String = Annotated[str, Text(STRING_MAX)]
UUIDBytes = Annotated[bytes, FixedOpaque(UUID_LENGTH)]
