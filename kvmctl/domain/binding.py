"""The declarations that tie a dataclass's fields to places in the XML.

A field says once where it lives and what it is::

    arch: str = value("type/@arch", choice("x86_64"), default="x86_64")

The path is relative to the class's own element: "a" is the text of a child, "@a" an attribute, "a/@b" an
attribute of a child, "." the element's own text. Reading, writing (in the order of declaration), the set of
known names and the check of the schemas all come from these declarations: a new attribute is one line in one
class.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

from kvmctl.domain.codecs import TEXT, Choice, ValueCodec

_KEY = "xml"


@dataclass(frozen=True, slots=True)
class Value:
    """The text of an attribute or of an element."""

    codec: ValueCodec


@dataclass(frozen=True, slots=True)
class Size:
    """An element, or an attribute, with a number, and with the attribute ``unit`` beside it: bytes."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The attribute ``unit`` of a size that is an attribute: read and written with it."""


@dataclass(frozen=True, slots=True)
class Presence:
    """An empty element: whether it is there."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """An element that is kept as it is."""


@dataclass(frozen=True, slots=True)
class Nested:
    """An element with a class of its own; ``many`` of them make a tuple."""

    cls: type[Any]
    many: bool = False
    without: frozenset[str] = frozenset()
    """Paths of the class that this element does not have."""
    optional: frozenset[str] = frozenset()
    """Paths that the class requires and this element does not."""
    group: bool = False
    """Whether an element with nothing inside says the same as none, and is not written."""


Content = Value | Size | Unit | Presence | Verbatim | Nested


@dataclass(frozen=True, slots=True)
class Binding:
    path: str
    content: Content
    required: bool
    """Whether the XML has to have it."""
    live: Callable[[Any], bool]
    """Whether an object's field is written in the XML of running domains only."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding at its field."""

    name: str
    binding: Binding

    @property
    def content(self) -> Content:
        return self.binding.content


@dataclass(slots=True)
class Shape:
    """What one element may hold: attributes, text, and children, in the order in which they are written."""

    attributes: dict[str, Bound]
    children: "dict[str, Shape | Bound]"
    text: Bound | None = None
    _bounds: "list[Bound] | None" = None

    def bounds(self) -> "list[Bound]":
        """All that is declared for it; not before all of it is placed."""
        if self._bounds is None:
            self._bounds = self._collect()
        return self._bounds

    def _collect(self) -> "list[Bound]":
        inside = [
            bound
            for child in self.children.values()
            for bound in (child.bounds() if isinstance(child, Shape) else [child])
        ]
        return [*self.attributes.values(), *([self.text] if self.text else []), *inside]


def _never(_: Any) -> bool:
    return False


def always(_: Any) -> bool:
    return True


def _bind(
    path: str,
    content: Content,
    default: Any = MISSING,
    live: Callable[[Any], bool] = _never,
    stated: bool = False,
) -> Any:
    required = stated or default is MISSING
    return field(default=default, metadata={_KEY: Binding(path, content, required, live)})


def value(
    path: str,
    codec: ValueCodec = TEXT,
    *,
    default: Any = MISSING,
    live: Callable[[Any], bool] = _never,
    stated: bool = False,
) -> Any:
    """``stated``: has a default for those who build objects, but the XML has to say it."""
    return _bind(path, Value(codec), default, live, stated)


def size(path: str, *, default: Any = MISSING) -> Any:
    return _bind(path, Size(), default)


def presence(path: str) -> Any:
    return _bind(path, Presence(), False)


def verbatim(path: str) -> Any:
    return _bind(path, Verbatim(), None)


def one(path: str, cls: type[Any], *, default: Any = MISSING, stated: bool = False) -> Any:
    return _bind(path, Nested(cls), default, stated=stated)


def group(path: str, cls: type[Any]) -> Any:
    """An element that is only the place of what is inside: the field is never None."""
    return _bind(path, Nested(cls, group=True), cls())


def many(
    path: str,
    cls: type[Any],
    *,
    without: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Any:
    return _bind(path, Nested(cls, True, frozenset(without), frozenset(optional)), ())


def _binding_of(declared: "Field[Any]") -> Binding | None:
    return declared.metadata.get(_KEY)


_shapes: dict[tuple[type[Any], frozenset[str]], Shape] = {}


def shape_of(cls: type[Any], without: frozenset[str] = frozenset()) -> Shape:
    key = (cls, without)
    if key not in _shapes:
        _shapes[key] = _compile(cls, without)
    return _shapes[key]


def _compile(cls: type[Any], without: frozenset[str]) -> Shape:
    top = Shape({}, {})
    for declared in fields(cls):
        binding = _binding_of(declared)
        if binding is None or binding.path in without:
            continue
        bound = Bound(declared.name, binding)
        _place(top, binding.path, bound)
    return top


def _place(top: Shape, path: str, bound: Bound) -> None:
    *parents, last = path.split("/")
    shape = top
    for name in parents:
        shape = _child(shape, name)
    if last.startswith("@"):
        shape.attributes[last[1:]] = bound
        if isinstance(bound.content, Size):
            unit = replace(bound.binding, content=Unit(), required=False)
            shape.attributes["unit"] = replace(bound, binding=unit)
    elif last == ".":
        shape.text = bound
    elif isinstance(bound.content, Value):
        _child(shape, last).text = bound
    else:
        if last in shape.children:
            raise TypeError(f"two fields claim the element '{path}'")
        shape.children[last] = bound


def _child(shape: Shape, name: str) -> Shape:
    child = shape.children.setdefault(name, Shape({}, {}))
    if not isinstance(child, Shape):
        raise TypeError(f"the element '{name}' already belongs to the field '{child.name}'")
    return child


def choices(cls: type[Any], path: str) -> tuple[str, ...]:
    """The words that a field of the class may be, by its path."""
    for bound in shape_of(cls).bounds():
        content = bound.content
        if bound.binding.path == path and isinstance(content, Value) and isinstance(content.codec, Choice):
            return content.codec.words
    raise TypeError(f"{cls.__name__} has no choice at '{path}'")


def known_places(cls: type[Any], root: str) -> Mapping[str, Content | None]:
    """Every place that the class and those inside it declare, as root/os/type/@arch, with what is there."""
    places: dict[str, Content | None] = {root: None}
    _collect(shape_of(cls), root, places)
    return places


def _collect(shape: Shape, path: str, places: dict[str, Content | None]) -> None:
    if shape.text is not None:
        places[path] = shape.text.content
    for name, bound in shape.attributes.items():
        places[f"{path}/@{name}"] = bound.content
    for name, child in shape.children.items():
        inside = f"{path}/{name}"
        places[inside] = None if isinstance(child, Shape) else child.content
        if isinstance(child, Shape):
            _collect(child, inside, places)
            continue
        match child.content:
            case Size():
                places[f"{inside}/@unit"] = child.content
            case Nested(cls, _, without):
                _collect(shape_of(cls, without), inside, places)
            case _:
                pass
