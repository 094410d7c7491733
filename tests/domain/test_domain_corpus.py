"""libvirt's own domain documents: each is accepted and survives a round trip, or refused by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmctl.domain import DomainError, format, parse
from tests.domain import libvirt_source

_EMULATED = re.compile(rb"(<domain\b[^>]*\btype=)(['\"])qemu\2")
_X86 = re.compile(rb"arch='(x86_64|i686)'")
_ELSEWHERE: tuple[tuple[bytes, bytes], ...] = (
    (rb"arch='i686'", b"arch='x86_64'"),
    (rb"machine='(pc|q35)[^']*'", b"machine='pc'"),
    (rb"dev='[hs]d([a-z])' bus='(ide|sata|scsi|usb)'", rb"dev='vd\1' bus='virtio'"),
    (rb"dev='[hs]d([a-z])'/>", rb"dev='vd\1'/>"),
    (rb"<address type='drive'[^>]*/>", b""),
    (rb"<controller type='(ide|scsi|sata|fdc|usb)'[^>]*/>", b""),
    (rb"<controller type='(ide|scsi|sata|fdc|usb)'.*?</controller>", b""),
    (
        rb"<(graphics|video|sound|audio|hostdev|redirdev|hub|smartcard|tpm|input)\b[^>]*?(/>|>.*?</\1>)",
        b"",
    ),
)
"""Hardware that this machine has none of, and virtio in its place."""


def _as_written(text: bytes) -> bytes:
    return text


def _as_kvm(text: bytes) -> bytes:
    return _EMULATED.sub(rb"\1'kvm'", text)


def _with_virtio(text: bytes) -> bytes | None:
    """Of x86 only."""
    if not _X86.search(text):
        return None
    for pattern, instead in _ELSEWHERE:
        text = re.sub(pattern, instead, text, flags=re.DOTALL)
    return _as_kvm(text)


VARIANTS: dict[str, tuple[Callable[[bytes], bytes | None], int]] = {
    "as written": (_as_written, 31),
    "as type='kvm'": (_as_kvm, 50),
    "with virtio in place of other hardware": (_with_virtio, 335),
}
"""How libvirt 9.0's documents are read, and how many of them are accepted. These numbers only rise.

Most of the documents are of type='qemu', which kvmctl refuses first of all; as type='kvm' the same documents
show what else they have that kvmctl lacks, and with virtio, what they have besides disks on IDE.
"""


@pytest.fixture(scope="module")
def corpus() -> list[Path]:
    try:
        return libvirt_source.documents()
    except libvirt_source.SourceUnavailable as error:
        pytest.skip(f"libvirt's source cannot be had: {error}")


def _reason(error: DomainError) -> str:
    place = re.sub(r"\[\d+\]", "", error.path or "").lstrip("/") or error.message
    return f"{error.kind.name} {place}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_document_is_accepted_or_refused_by_name(
    variant: str, corpus: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(corpus) > 1000
    change, least = VARIANTS[variant]
    accepted: list[str] = []
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    for document in corpus:
        text = change(document.read_bytes())
        if text is None:
            continue
        try:
            domain = parse(text)
        except DomainError as error:
            reasons[_reason(error)] += 1
            if not error.message.strip() or not (error.path or error.line):
                wrong.append(f"{document.name}: refused without a place: {error}")
            continue
        accepted.append(document.name)
        written = format(domain, live=True)
        if parse(written) != domain or format(parse(written), live=True) != written:
            wrong.append(f"{document.name}: changed by writing and reading")
    with capsys.disabled():
        read = len(accepted) + reasons.total()
        print(f"\n{read} documents of libvirt {variant}, {len(accepted)} accepted, refused for:")
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
    assert not wrong
    assert len(accepted) >= least, accepted
