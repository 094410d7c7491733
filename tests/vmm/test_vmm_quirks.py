"""What the domain says about the host's quirks reaches the guest."""

from __future__ import annotations

import pytest

from kvmctl.domain.names import NAMESPACE
from kvmctl.host import kind
from kvmctl.vmm import quirks
from tests.vmm.conftest import GuestBuilder, VmmStarter

HELLO = 'puts "hello"\n poweroff\n1: jmp 1b'


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("host", list(kind.Kind))
def test_detect(monkeypatch: pytest.MonkeyPatch, host: kind.Kind, wanted: bool) -> None:
    monkeypatch.setattr(kind, "detect", lambda: kind.Host(host, True))
    expected = "pvm" if wanted and host is kind.Kind.PVM else "none"
    assert quirks.detect(wanted=wanted).name == expected


@pytest.mark.kvm
@pytest.mark.parametrize("state", ["on", "off"])
def test_domain_decides(assemble: GuestBuilder, start_vmm: VmmStarter, state: str) -> None:
    ours = f"<k:quirks xmlns:k='{NAMESPACE}' state='{state}'/>"
    vmm = start_vmm(assemble(HELLO), policies=ours)
    assert vmm.wait() == 0, vmm.log()
    assert vmm.output() == "hello"
    name = quirks.detect(wanted=state == "on").name
    assert f"host quirks: {name}" in vmm.log()
