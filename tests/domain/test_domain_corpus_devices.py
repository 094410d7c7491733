"""libvirt's own documents of x86, with virtio in place of hardware that is not here."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from kvmctl.domain import DomainError, format, inactive, parse, validate, with_defaults
from kvmctl.domain.addresses import plugged
from tests.domain import libvirt_source

ACCEPTED_AT_LEAST: Final = 353
"""This number only rises."""

_X86 = re.compile(rb"arch='(x86_64|i686)'")
_INSTEAD: Final[tuple[tuple[bytes, bytes], ...]] = (
    (rb"(<domain\b[^>]*\btype=)'qemu'", rb"\1'kvm'"),
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


@pytest.fixture(scope="module")
def documents() -> dict[str, bytes]:
    try:
        source: Path = libvirt_source.directory()
    except libvirt_source.SourceUnavailable as error:
        pytest.skip(f"libvirt's source cannot be had: {error}")
    found = {}
    for path in sorted((source / libvirt_source.DOCUMENTS).glob("*.xml")):
        text = path.read_bytes()
        if _X86.search(text):
            for pattern, instead in _INSTEAD:
                text = re.sub(pattern, instead, text, flags=re.DOTALL)
            found[path.name] = text
    return found


def test_their_devices_are_accepted_or_refused_by_name(
    documents: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(documents) > 800
    accepted: list[str] = []
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    for name, text in documents.items():
        try:
            domain = parse(text)
        except DomainError as error:
            place = re.sub(r"\[\d+\]", "", error.path or "").lstrip("/")
            reasons[f"{error.kind.name} {place or error.message}"] += 1
            continue
        accepted.append(name)
        if parse(format(domain, live=True)) != domain:
            wrong.append(f"{name}: changed by writing and reading")
        filled = with_defaults(inactive(domain))
        if validate(filled) or parse(format(filled)) != filled:
            wrong.append(f"{name}: its defaults are not sound")
        if any(one.device.address is None for one in plugged(filled.devices)):
            wrong.append(f"{name}: a device without an address")
    with capsys.disabled():
        print(f"\n{len(documents)} documents of x86 with virtio, {len(accepted)} accepted, refused for:")
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
    assert not wrong
    assert len(accepted) >= ACCEPTED_AT_LEAST, accepted
