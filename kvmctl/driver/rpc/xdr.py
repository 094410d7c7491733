"""External Data Representation (RFC 4506): Python types compiled once into encoders and decoders.

A type is described by its annotations: ``Annotated[int, Integer(">i")]``, ``Annotated[str, Text(64)]``,
``X | None`` for optional data, an ``IntEnum`` for an enumeration, a class decorated with :func:`struct` for a
structure, and one decorated with :func:`union` for a discriminated union.

Nothing in the input is trusted: a length is compared with its declared maximum and with the bytes that remain
before anything is allocated, and every failure is an :class:`XdrError`.
"""

from __future__ import annotations

import dataclasses
import struct as packing
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

T = TypeVar("T")

_ARMS = "__xdr_arms__"
_DECLARED = "__xdr_declared__"
_U32 = packing.Struct(">I")
_FILL = tuple(bytes(length) for length in range(4))
_compiled: dict[Any, Codec] = {}


class XdrError(ValueError):
    """Data that the type does not allow, in either direction."""


class Reader:
    """A cursor over the bytes of one message."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def take(self, length: int) -> memoryview:
        end = self._position + length
        if end > len(self._data):
            raise XdrError(f"{length} bytes expected, {self.remaining} left")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def unsigned(self) -> int:
        value: int = _U32.unpack(self.take(4))[0]
        return value

    def count(self, maximum: int, unit: int) -> int:
        """A length prefix; each of the units it promises takes at least ``unit`` bytes."""
        length = self.unsigned()
        if length > maximum:
            raise XdrError(f"length {length} exceeds the maximum {maximum}")
        if length * unit > self.remaining:
            raise XdrError(f"length {length} exceeds the {self.remaining} bytes left")
        return length

    def padded(self, length: int) -> bytes:
        """Opaque bytes and their fill up to a multiple of four, which must be zero (RFC 4506, section 3)."""
        data = bytes(self.take(length))
        if any(self.take(-length % 4)):
            raise XdrError("fill bytes are not zero")
        return data


Encoder = Callable[[bytearray, Any], None]
Decoder = Callable[[Reader], Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """How one type is written and read; ``minimum`` is the size of its shortest encoding."""

    encode: Encoder
    decode: Decoder
    minimum: int


# What may stand beside the Python type in Annotated[...]


@dataclass(frozen=True, slots=True)
class Integer:
    """RFC 4506, sections 4.1, 4.2, 4.5; ``low`` and ``high`` are the range of C types below 32 bits."""

    format: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Boolean:
    """RFC 4506, section 4.4."""


@dataclass(frozen=True, slots=True)
class Floating:
    """Double precision, RFC 4506, section 4.7."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Variable-length opaque data, RFC 4506, section 4.10."""

    maximum: int


@dataclass(frozen=True, slots=True)
class FixedOpaque:
    """Fixed-length opaque data, RFC 4506, section 4.9."""

    length: int


@dataclass(frozen=True, slots=True)
class Text:
    """String, RFC 4506, section 4.11. UTF-8; other bytes survive as surrogates (PEP 383). No NUL inside."""

    maximum: int


@dataclass(frozen=True, slots=True)
class Chars:
    """An array of C ``char``: rpcgen gives each element the four bytes of an int."""

    maximum: int


@dataclass(frozen=True, slots=True)
class CharString:
    """Text in an array of C ``char`` that ends with its NUL, as C code that copies it expects."""

    maximum: int


@dataclass(frozen=True, slots=True)
class FixedChars:
    """Text in a C ``char`` array of fixed size, filled up with NUL."""

    length: int


@dataclass(frozen=True, slots=True)
class MaxItems:
    """Variable-length array, RFC 4506, section 4.13."""

    maximum: int


@dataclass_transform(frozen_default=True)
def struct(cls: type[T]) -> type[T]:
    """A structure (RFC 4506, section 4.14): a frozen dataclass whose fields are encoded in their order.

    The protocol has some 700 of them and a daemon meets a few dozen, so each becomes a dataclass when it is
    first used.
    """
    setattr(cls, _DECLARED, True)
    setattr(cls, "__init__", _first_init)  # noqa: B010
    return cls


def _first_init(self: Any, *values: Any, **named: Any) -> None:
    complete(type(self))
    type(self).__init__(self, *values, **named)


def is_struct(kind: Any) -> bool:
    """Whether a class was declared by :func:`struct` or :func:`union`."""
    return isinstance(kind, type) and _DECLARED in vars(kind)


def complete(kind: type[Any]) -> type[Any]:
    """Make a declared class the dataclass that it stands for."""
    if kind.__init__ is _first_init:
        del kind.__init__
        # The type checker sees to it that nobody changes one; at run time each field would cost a call.
        dataclass(unsafe_hash=True)(kind)
    return kind


@dataclass_transform(frozen_default=True)
def union(arms: Mapping[Any, Any]) -> Callable[[type[T]], type[T]]:
    """A discriminated union (RFC 4506, section 4.15).

    The class has two fields: the discriminant, then the value, whose type is the arm of that discriminant.
    """

    def decorate(cls: type[T]) -> type[T]:
        setattr(cls, _ARMS, dict(arms))
        return struct(cls)

    return decorate


def encode(value: object) -> bytes:
    """The encoding of an instance of a :func:`struct` or :func:`union` class."""
    out = bytearray()
    codec(type(value)).encode(out, value)
    return bytes(out)


def decode(kind: type[T], data: bytes | bytearray | memoryview) -> T:
    """An instance of ``kind`` from exactly these bytes."""
    reader = Reader(data)
    value: T = codec(kind).decode(reader)
    if reader.remaining:
        raise XdrError(f"{reader.remaining} bytes left over after {kind.__name__}")
    return value


def codec(kind: Any) -> Codec:
    """The compiled codec of a type or annotation."""
    if isinstance(kind, type) and kind in _compiled:
        return _compiled[kind]
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        for note in notes:
            if isinstance(note, MaxItems):
                return _array(codec(get_args(inner)[0]), note.maximum)
            if type(note) in _SCALARS:
                return _SCALARS[type(note)](note)
    elif isinstance(kind, types.UnionType) or get_origin(kind) is not None:
        members = [member for member in get_args(kind) if member is not type(None)]
        if len(members) == 1 and len(get_args(kind)) == 2:
            return _optional(codec(members[0]))
    elif isinstance(kind, type) and issubclass(kind, IntEnum):
        return _enumeration(kind)
    elif is_struct(kind):
        _compiled[kind] = _union(kind) if hasattr(kind, _ARMS) else _struct(kind)
        return _compiled[kind]
    raise TypeError(f"{kind!r} has no XDR representation")


def _integer(note: Integer) -> Codec:
    packer = packing.Struct(note.format)

    def check(value: int) -> int:
        if (note.low is not None and value < note.low) or (note.high is not None and value > note.high):
            raise XdrError(f"{value} is out of range")
        return value

    pack = packer.pack
    bounded = note.low is not None or note.high is not None

    def encode_integer(out: bytearray, value: Any) -> None:
        try:
            out += pack(check(value) if bounded else value)
        except (packing.error, TypeError) as error:
            raise XdrError(f"{value!r} does not fit: {error}") from None

    def decode_integer(reader: Reader) -> int:
        return check(packer.unpack(reader.take(packer.size))[0])

    return Codec(encode_integer, decode_integer, packer.size)


def _boolean(_note: Boolean) -> Codec:
    def encode_boolean(out: bytearray, value: Any) -> None:
        out += _U32.pack(1 if value else 0)

    def decode_boolean(reader: Reader) -> bool:
        value = reader.unsigned()
        if value > 1:
            raise XdrError(f"{value} is no boolean")
        return value == 1

    return Codec(encode_boolean, decode_boolean, 4)


def _floating(_note: Floating) -> Codec:
    packer = packing.Struct(">d")

    def encode_floating(out: bytearray, value: Any) -> None:
        try:
            out += packer.pack(value)
        except (packing.error, TypeError) as error:
            raise XdrError(f"{value!r} is no number: {error}") from None

    def decode_floating(reader: Reader) -> float:
        value: float = packer.unpack(reader.take(8))[0]
        return value

    return Codec(encode_floating, decode_floating, 8)


def _write_padded(out: bytearray, data: bytes) -> None:
    out += data
    out += bytes(-len(data) % 4)


def _as_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise XdrError(f"bytes expected, not {type(value).__name__}")
    return bytes(value)


def _as_text(value: Any, maximum: int) -> bytes:
    if not isinstance(value, str):
        raise XdrError(f"text expected, not {type(value).__name__}")
    try:
        data = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise XdrError(f"text that has no encoding: {error}") from None
    if len(data) > maximum:
        raise XdrError(f"text of {len(data)} bytes exceeds the maximum {maximum}")
    if 0 in data:
        raise XdrError("text contains a NUL byte")
    return data


def _to_text(data: bytes) -> str:
    if 0 in data:
        raise XdrError("text contains a NUL byte")
    return data.decode("utf-8", "surrogateescape")


def _opaque(note: Opaque) -> Codec:
    def encode_opaque(out: bytearray, value: Any) -> None:
        data = _as_bytes(value)
        if len(data) > note.maximum:
            raise XdrError(f"{len(data)} bytes exceed the maximum {note.maximum}")
        out += _U32.pack(len(data))
        _write_padded(out, data)

    def decode_opaque(reader: Reader) -> bytes:
        return reader.padded(reader.count(note.maximum, 1))

    return Codec(encode_opaque, decode_opaque, 4)


def _fixed_opaque(note: FixedOpaque) -> Codec:
    def encode_fixed(out: bytearray, value: Any) -> None:
        data = _as_bytes(value)
        if len(data) != note.length:
            raise XdrError(f"{note.length} bytes expected, not {len(data)}")
        _write_padded(out, data)

    def decode_fixed(reader: Reader) -> bytes:
        return reader.padded(note.length)

    return Codec(encode_fixed, decode_fixed, note.length + -note.length % 4)


def _text(note: Text) -> Codec:
    pack = _U32.pack
    maximum = note.maximum

    def encode_text(out: bytearray, value: Any) -> None:
        data = _as_text(value, maximum)
        out += pack(len(data)) + data + _FILL[-len(data) % 4]

    def decode_text(reader: Reader) -> str:
        return _to_text(reader.padded(reader.count(note.maximum, 1)))

    return Codec(encode_text, decode_text, 4)


def _write_chars(out: bytearray, data: bytes) -> None:
    out += packing.pack(f">{len(data)}i", *memoryview(data).cast("b"))


def _read_chars(reader: Reader, length: int) -> bytes:
    values = packing.unpack(f">{length}i", reader.take(length * 4))
    try:
        return packing.pack(f"{length}b", *values)
    except packing.error as error:
        raise XdrError(f"an element is no char: {error}") from None


def _chars(note: Chars) -> Codec:
    def encode_chars(out: bytearray, value: Any) -> None:
        data = _as_bytes(value)
        if len(data) > note.maximum:
            raise XdrError(f"{len(data)} bytes exceed the maximum {note.maximum}")
        out += _U32.pack(len(data))
        _write_chars(out, data)

    def decode_chars(reader: Reader) -> bytes:
        return _read_chars(reader, reader.count(note.maximum, 4))

    return Codec(encode_chars, decode_chars, 4)


def _char_string(note: CharString) -> Codec:
    def encode_chars(out: bytearray, value: Any) -> None:
        data = _as_text(value, note.maximum - 1) + b"\0"
        out += _U32.pack(len(data))
        _write_chars(out, data)

    def decode_chars(reader: Reader) -> str:
        data = _read_chars(reader, reader.count(note.maximum, 4))
        if not data.endswith(b"\0"):
            raise XdrError("text does not end with NUL")
        return _to_text(data[:-1])

    return Codec(encode_chars, decode_chars, 8)


def _fixed_chars(note: FixedChars) -> Codec:
    def encode_chars(out: bytearray, value: Any) -> None:
        _write_chars(out, _as_text(value, note.length - 1).ljust(note.length, b"\0"))

    def decode_chars(reader: Reader) -> str:
        data = _read_chars(reader, note.length)
        if data[-1]:
            raise XdrError("text does not end with NUL")
        return _to_text(data.rstrip(b"\0"))

    return Codec(encode_chars, decode_chars, note.length * 4)


def _array(item: Codec, maximum: int) -> Codec:
    encode_item = item.encode

    def encode_array(out: bytearray, value: Any) -> None:
        if not isinstance(value, tuple | list):
            raise XdrError(f"tuple expected, not {type(value).__name__}")
        if len(value) > maximum:
            raise XdrError(f"{len(value)} items exceed the maximum {maximum}")
        out += _U32.pack(len(value))
        for element in value:
            encode_item(out, element)

    def decode_array(reader: Reader) -> tuple[Any, ...]:
        return tuple(item.decode(reader) for _ in range(reader.count(maximum, item.minimum)))

    return Codec(encode_array, decode_array, 4)


def _optional(item: Codec) -> Codec:
    """Optional data, RFC 4506, section 4.19."""

    def encode_optional(out: bytearray, value: Any) -> None:
        out += _U32.pack(0 if value is None else 1)
        if value is not None:
            item.encode(out, value)

    def decode_optional(reader: Reader) -> Any:
        present = reader.unsigned()
        if present > 1:
            raise XdrError(f"{present} is no boolean")
        return item.decode(reader) if present else None

    return Codec(encode_optional, decode_optional, 4)


def _enumeration(kind: type[IntEnum]) -> Codec:
    """Enumeration, RFC 4506, section 4.3."""
    packer = packing.Struct(">i")
    members = {int(member): member for member in kind}
    packed = {int(member): packer.pack(member) for member in kind}

    def to_member(value: Any) -> IntEnum:
        member = members.get(value)
        if member is None:
            raise XdrError(f"{value!r} is no {kind.__name__}")
        return member

    def encode_member(out: bytearray, value: Any) -> None:
        out += packed[to_member(value)]

    def decode_member(reader: Reader) -> IntEnum:
        return to_member(packer.unpack(reader.take(4))[0])

    return Codec(encode_member, decode_member, 4)


def _fields(kind: type[Any]) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(complete(kind))]


def _struct(kind: type[Any]) -> Codec:
    members = [(name, codec(annotation)) for name, annotation in _fields(kind)]
    encoders = [(name, member.encode) for name, member in members]
    decoders = [member.decode for _, member in members]

    def encode_struct(out: bytearray, value: Any) -> None:
        if not isinstance(value, kind):
            raise XdrError(f"{kind.__name__} expected, not {type(value).__name__}")
        for name, encoder in encoders:
            try:
                encoder(out, getattr(value, name))
            except XdrError as error:
                raise XdrError(f"{kind.__name__}.{name}: {error}") from None

    def decode_struct(reader: Reader) -> Any:
        return kind(*[decoder(reader) for decoder in decoders])

    return Codec(encode_struct, decode_struct, sum(member.minimum for _, member in members))


def _union(kind: type[Any]) -> Codec:
    (tag_name, tag_type), (value_name, _) = _fields(kind)
    tag_codec = codec(tag_type)
    arms = {tag: codec(arm) for tag, arm in getattr(kind, _ARMS).items()}

    def arm_of(tag: Any) -> Codec:
        try:
            return arms[tag]
        except KeyError:
            raise XdrError(f"{kind.__name__} has no arm {tag!r}") from None

    def encode_union(out: bytearray, value: Any) -> None:
        if not isinstance(value, kind):
            raise XdrError(f"{kind.__name__} expected, not {type(value).__name__}")
        tag = getattr(value, tag_name)
        tag_codec.encode(out, tag)
        arm_of(tag).encode(out, getattr(value, value_name))

    def decode_union(reader: Reader) -> Any:
        tag = tag_codec.decode(reader)
        return kind(tag, arm_of(tag).decode(reader))

    return Codec(encode_union, decode_union, tag_codec.minimum + min(arm.minimum for arm in arms.values()))


_SCALARS: dict[type[Any], Callable[[Any], Codec]] = {
    Integer: _integer,
    Boolean: _boolean,
    Floating: _floating,
    Opaque: _opaque,
    FixedOpaque: _fixed_opaque,
    Text: _text,
    Chars: _chars,
    CharString: _char_string,
    FixedChars: _fixed_chars,
}
