"""A bare guest gets random numbers from the entropy device on real KVM."""

from __future__ import annotations

import pytest

from tests.vmm.virtio.conftest import FlatGuest

pytestmark = pytest.mark.kvm

RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
BUILTIN = "<rng model='virtio'><rate bytes='64'/><backend model='builtin'/></rng>"


@pytest.mark.parametrize("rng", [RNG, BUILTIN])
def test_entropy(run_flat: FlatGuest, rng: str) -> None:
    outputs = {run_flat("entropy", rng) for _ in range(2)}
    assert len(outputs) == 2
    for output in outputs:
        number, verdict = output.split()
        assert verdict == "PASS"
        assert len(number) == 32


def test_a_guest_without_one_finds_none(run_flat: FlatGuest) -> None:
    assert run_flat("entropy", "") == "FAIL no entropy device\n"
