"""kvmctl-domain(5) and docs/domain.md, written from the declarations.

``python -m kvmctl.domain.reference > man/kvmctl-domain.5`` brings the page up to date, and the table
``python -m kvmctl.domain.reference --markdown > docs/domain.md``.
"""

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from kvmctl.domain.advice import advice
from kvmctl.domain.binding import (
    Binding,
    Bound,
    Nested,
    Presence,
    Shape,
    Size,
    Unit,
    Value,
    known_places,
    shape_of,
)
from kvmctl.domain.codecs import (
    Adjustment,
    Choice,
    Hex,
    IpAddress,
    Signed,
    Switch,
    Text,
    Unsigned,
    Uuid,
    ValueCodec,
)
from kvmctl.domain.cpuset import CpuSet
from kvmctl.domain.known import known_paths
from kvmctl.domain.model import Domain
from kvmctl.domain.names import NAMESPACE

_ROOT = "domain"

_HEAD = r""".\" SPDX-License-Identifier: LGPL-2.1-or-later
.\" Written by python -m kvmctl.domain.reference; change the declarations instead.
.Dd November 24, 2026
.Dt KVMCTL-DOMAIN 5
.Os
.Sh NAME
.Nm kvmctl-domain
.Nd the domain XML that kvmctl runs
.Sh DESCRIPTION
.Nm kvmctl
runs a part of libvirt's domain language.
A document is refused with the name of the first element, attribute or value
that is not in this part, its path and its line:
.Bl -tag -width Ds
.It Dv VIR_ERR_CONFIG_UNSUPPORTED
Known to libvirt, not run here; the message says what to use instead where
there is something.
.It Dv VIR_ERR_XML_DETAIL
Unknown to libvirt too, or not a value of its place.
.It Dv VIR_ERR_XML_ERROR
Malformed, or contradicting itself.
.It Dv VIR_ERR_INVALID_ARG
An unknown unit.
.It Dv VIR_ERR_OVERFLOW
A number that is too large.
.El
.Pp
A document type declaration is always refused, and so is a document of more
than 8 MiB or 10000 elements.
"""

_SUPPORTED = r""".Sh WHAT RUNS
Paths are those of XPath: a name after @ is an attribute.
.Dq required
means within the element around it.
What only running domains have is not kept in a definition.
The prefix
.Li kvmctl
stands for the namespace
.Li %s .
.Bl -tag -width Ds
"""

_REFUSED = r""".Sh WHAT IS REFUSED
libvirt knows these elements and attributes, and
.Nm kvmctl
refuses them by name
.Pq Dv VIR_ERR_CONFIG_UNSUPPORTED .
An element stands for everything inside it.
.Bl -tag -width Ds
"""

_FOOT = r""".Sh SEE ALSO
.Xr kvmctl 1 ,
.Xr virsh 1 ,
.Xr virtkvmctld 8
.Pp
.Lk https://libvirt.org/formatdomain.html
"""


_TABLE = """# The domain XML, element by element

Written by `python -m kvmctl.domain.reference --markdown` from the declarations in `kvmctl/domain/model`;
kvmctl-domain(5) says the same. What libvirt knows and is refused here fails with `VIR_ERR_CONFIG_UNSUPPORTED`
and the advice of its line; what libvirt does not know either, with `VIR_ERR_XML_DETAIL`. An element that is
refused stands for everything inside it.

| element or attribute | status | what it holds, or what to use instead |
| --- | --- | --- |
"""


Entry = tuple[str, str | None]
"""A place, and what is said of it."""


def page() -> str:
    """The manual page, as mdoc(7)."""
    entries = _supported(shape_of(Domain), Domain, _ROOT)
    supported = [line for path, text in entries for line in _item(path, text)]
    refused = [line for path in _refused() for line in _item(path, advice(path))]
    end = ".El\n"
    return "".join(
        [_HEAD, _SUPPORTED % NAMESPACE, *supported, end, _REFUSED, *refused, end, _FOOT],
    )


def table() -> str:
    """The same as one table, in Markdown."""
    rows = [(path, "runs", text) for path, text in _supported(shape_of(Domain), Domain, _ROOT)]
    rows += [(path, "refused", advice(path) or "leave it out") for path in _refused()]
    return _TABLE + "".join(
        f"| `{_shown(path)}` | {status} | {_cell(text)} |\n" for path, status, text in rows
    )


def _cell(text: str | None) -> str:
    return (text or "").replace("|", r"\|").replace("<", "&lt;")


def _shown(path: str) -> str:
    return path.replace(f"{{{NAMESPACE}}}", "kvmctl:")


def _item(path: str, text: str | None) -> list[str]:
    lines = [f".It Li {_escaped(_shown(path))}\n"]
    if text:
        lines.append(f"{_escaped(text)}\n")
    return lines


def _escaped(text: str) -> str:
    """Text that roff takes literally, at the start of a line too."""
    text = text.replace("\\", r"\e").replace("'", r"\(aq").replace("-", r"\-")
    return rf"\&{text}" if text.startswith(".") else text


def _supported(shape: Shape, cls: type[Any], path: str, nested: Nested | None = None) -> Iterator[Entry]:
    """Each place that holds something, in the order in which it is written."""
    declared = {each.name: each for each in fields(cls)}
    optional = nested.optional if nested else frozenset[str]()

    def described(place: str, bound: Bound) -> Entry:
        binding = bound.binding
        required = binding.required and binding.path not in optional
        return place, _description(binding, declared[bound.name], required)

    if shape.text:
        yield described(path, shape.text)
    for name, bound in shape.attributes.items():
        yield described(f"{path}/@{name}", bound)
    for name, child in shape.children.items():
        inside = f"{path}/{name}"
        if isinstance(child, Shape):
            yield from _supported(child, cls, inside, nested)
            continue
        match child.content:
            case Nested(inner, many, without):
                held = shape_of(inner, without)
                if held.text is None and (many or not held.bounds()):
                    yield inside, "any number of them" if many else "empty, says something by being there"
                yield from _supported(shape_of(inner, without), inner, inside, child.content)
            case _:
                yield described(inside, child)


def _description(binding: Binding, declared: "Field[Any]", required: bool) -> str:
    words = [_content(binding)]
    if required:
        words.append("required")
    elif isinstance(binding.content, Value) and declared.default not in (MISSING, None):
        words.append(f"when absent, {binding.content.codec.format(declared.default)}")
    # What depends on the element itself is not said for the whole place.
    if binding.live.__name__ == "always":
        words.append("of running domains only")
    return "; ".join(words)


def _content(binding: Binding) -> str:
    match binding.content:
        case Value(codec):
            return _codec(codec)
        case Size():
            return "a number, in the unit that the attribute unit names, KiB without one"
        case Unit():
            return "the unit of the number beside it, KiB when absent"
        case Presence():
            return "empty, says something by being there"
        case _:
            return "kept as it is"


def _codec(codec: ValueCodec) -> str:
    match codec:
        case Choice(words):
            return " or ".join(words)
        case Unsigned(limit, least):
            return f"a number from {least} to {limit}"
        case Hex(_, limit):
            return f"a number from 0 to {limit:#x}"
        case Signed(least, limit):
            return f"a number from {least} to {limit}"
        case Adjustment():
            return "seconds, or reset"
        case IpAddress():
            return "an IP address"
        case CpuSet():
            return "numbers, ranges and exclusions as 0-3,^2,8"
        case Switch(on, off):
            return f"{on} or {off}"
        case Uuid():
            return "a UUID"
        case Text(expected):
            return expected
        case _:
            raise TypeError(f"the reference does not know how to describe {codec}")


def _refused() -> Iterator[str]:
    """The outermost places that libvirt has and the declarations do not."""
    here = known_places(Domain, _ROOT)
    for path in known_paths():
        if path not in here and path.rpartition("/")[0] in here:
            yield path


if __name__ == "__main__":
    sys.stdout.write(table() if "--markdown" in sys.argv else page())
