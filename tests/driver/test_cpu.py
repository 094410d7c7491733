"""The guest's processor, from the XML to the VMM: what runs, and what is refused in words."""

from __future__ import annotations

import pytest

from kvmctl.host import kvm
from kvmctl.host.cpumodel import FEATURES
from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml

pytestmark = pytest.mark.kvm


def _create(daemon: SessionDaemon, cpu: str, **options: object) -> list[str]:
    xml = monitor_xml("processor", extra=cpu, **options)
    return ["create", daemon.write("processor.xml", xml)]


@pytest.mark.parametrize("mode", ["host-passthrough", "host-model", "maximum"])
def test_modes(daemon: SessionDaemon, mode: str) -> None:
    daemon.virsh(*_create(daemon, f"<cpu mode='{mode}'/>"))
    assert daemon.virsh("domstate", "processor").stdout.strip() == "running"


def test_a_running_guest_tells_what_its_host_model_is(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("model.xml", monitor_xml("model", extra="<cpu mode='host-model'/>")))
    assert "<cpu mode='host-model'" in daemon.virsh("dumpxml", "model").stdout
    named = daemon.virsh("dumpxml", "model", "--update-cpu").stdout
    daemon.virsh("start", "model")
    live = daemon.virsh("dumpxml", "model").stdout
    for text in (named, live):
        assert "<cpu mode='custom' match='exact' check='partial'>" in text
        assert "<model fallback='forbid'>" in text
    assert "<cpu mode='host-model'" in daemon.virsh("dumpxml", "model", "--inactive").stdout
    assert "yes" not in daemon.virsh("dominfo", "model").stdout.split("Persistent")[0]


def test_a_named_model_with_a_topology(daemon: SessionDaemon) -> None:
    cpu = "<cpu mode='custom'><model>kvm64</model><topology sockets='2' cores='1' threads='2'/></cpu>"
    daemon.virsh(*_create(daemon, cpu, vcpus=4))
    assert len(daemon.virsh("vcpuinfo", "processor").stdout.split("VCPU:")) == 5


def test_features_that_the_host_lacks_are_named(daemon: SessionDaemon) -> None:
    lacking = sorted(set(FEATURES) - kvm.host_cpu().features)[:2]
    policies = "".join(f"<feature policy='require' name='{name}'/>" for name in lacking)
    error = daemon.error(*_create(daemon, f"<cpu mode='host-passthrough'>{policies}</cpu>"))
    assert f"the host's CPU does not provide required features: {', '.join(lacking)}" in error
    assert "unsupported configuration" in error


def test_names_that_nobody_knows(daemon: SessionDaemon) -> None:
    error = daemon.error(*_create(daemon, "<cpu mode='custom'><model>Pentium 9</model></cpu>"))
    assert "unknown CPU model Pentium 9" in error
    policies = "<feature policy='disable' name='sse9'/>"
    error = daemon.error(*_create(daemon, f"<cpu mode='host-model'>{policies}</cpu>"))
    assert "unknown CPU feature sse9" in error
