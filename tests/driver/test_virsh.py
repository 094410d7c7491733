"""The daily commands through the real virsh, each against a daemon of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import etree

from kvmctl import __version__
from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml, monitor_xml

XmlMaker = Callable[[str], str]


@pytest.fixture(params=[fake_xml, monitor_xml], ids=["stand-in", "kvmctl-vmm"])
def defined(request: pytest.FixtureRequest, daemon: SessionDaemon) -> SessionDaemon:
    """A daemon that knows a domain named guest."""
    daemon.virsh("define", daemon.write("guest.xml", request.param("guest")))
    return daemon


def test_connection(daemon: SessionDaemon) -> None:
    assert "/session" in daemon.virsh("uri").stdout
    assert daemon.virsh("hostname").stdout.strip()
    version = daemon.virsh("version").stdout
    assert "Using API: KVMCTL 9.0.0" in version
    assert f"Running hypervisor: KVMCTL {__version__}" in version


def test_node(daemon: SessionDaemon) -> None:
    info = daemon.virsh("nodeinfo").stdout
    assert re.search(r"CPU model: +x86_64", info)
    assert int(re.search(r"Memory size: +(\d+) KiB", info).group(1)) > 0  # type: ignore[union-attr]
    assert "KiB" in daemon.virsh("freecell").stdout
    assert "total" in daemon.virsh("nodememstats").stdout
    assert "usage" in daemon.virsh("nodecpustats", "--percent").stdout
    assert "CPUs present" in daemon.virsh("nodecpumap").stdout


@pytest.mark.kvm
def test_capabilities(daemon: SessionDaemon) -> None:
    capabilities = ElementTree.fromstring(daemon.virsh("capabilities").stdout)
    assert capabilities.findtext("host/cpu/arch") == "x86_64"
    assert capabilities.find("guest/arch/domain[@type='kvm']") is not None
    domain = ElementTree.fromstring(daemon.virsh("domcapabilities").stdout)
    assert (domain.findtext("domain"), domain.findtext("arch")) == ("kvm", "x86_64")
    for root, schema in ((capabilities, "capability"), (domain, "domaincaps")):
        file = Path(f"/usr/share/libvirt/schemas/{schema}.rng")
        if file.exists():
            etree.RelaxNG(file=str(file)).assertValid(etree.fromstring(ElementTree.tostring(root)))
    assert "unknown virttype: nonsense" in daemon.error("domcapabilities", "nonsense")
    assert "unknown architecture: pdp11" in daemon.error("domcapabilities", "--arch", "pdp11")
    assert "machine 'isapc' is not supported" in daemon.error("domcapabilities", "--machine", "isapc")


def test_definition(defined: SessionDaemon) -> None:
    assert defined.virsh("list").stdout.strip() == ""
    assert defined.virsh("list", "--all").stdout.split() == ["-", "guest", "shut", "off"]
    uuid = defined.virsh("domuuid", "guest").stdout.strip()
    assert defined.virsh("domname", uuid).stdout.strip() == "guest"
    assert defined.virsh("domid", "guest").stdout.strip() == "-"
    assert defined.virsh("domstate", "guest").stdout.strip() == "shut off"
    xml = defined.virsh("dumpxml", "guest").stdout
    assert f"<uuid>{uuid}</uuid>" in xml
    assert (defined.definitions / "guest.xml").exists()
    # What was dumped can be defined again.
    defined.virsh("define", defined.write("again.xml", xml))
    assert defined.virsh("domuuid", "guest").stdout.strip() == uuid
    defined.virsh("undefine", "guest")
    assert not (defined.definitions / "guest.xml").exists()
    assert defined.virsh("list", "--all").stdout.strip() == ""


@pytest.mark.kvm
def test_life(defined: SessionDaemon) -> None:
    defined.virsh("start", "guest")
    assert defined.virsh("domstate", "--reason", "guest").stdout.strip() == "running (booted)"
    number = defined.virsh("domid", "guest").stdout.strip()
    assert defined.virsh("list").stdout.split() == [number, "guest", "running"]
    assert defined.virsh("domuuid", number).stdout == defined.virsh("domuuid", "guest").stdout
    info = defined.virsh("dominfo", "guest").stdout
    assert re.search(r"State: +running", info)
    assert re.search(r"Max memory: +16384 KiB", info)
    assert re.search(r"Persistent: +yes", info)
    live = ElementTree.fromstring(defined.virsh("dumpxml", "guest").stdout)
    assert live.get("id") == number
    terminal = live.find("devices/console").get("tty")  # type: ignore[union-attr]
    assert defined.virsh("ttyconsole", "guest").stdout.strip() == terminal
    assert "id=" not in defined.virsh("dumpxml", "--inactive", "guest").stdout
    assert defined.virsh("vcpucount", "guest").stdout.split()[:3] == ["maximum", "config", "1"]
    assert re.search(r"State: +running", defined.virsh("vcpuinfo", "guest").stdout)
    stats = defined.virsh("domstats", "guest").stdout
    assert re.search(r"state.state=1\n +state.reason=1", stats)
    assert re.search(r"vcpu.0.time=\d+", stats)
    assert "actual 16384" in defined.virsh("dommemstat", "guest").stdout
    defined.virsh("suspend", "guest")
    assert defined.virsh("domstate", "--reason", "guest").stdout.strip() == "paused (user)"
    defined.virsh("resume", "guest")
    assert defined.virsh("domstate", "--reason", "guest").stdout.strip() == "running (unpaused)"
    defined.virsh("reset", "guest")
    assert defined.virsh("domstate", "guest").stdout.strip() == "running"
    defined.virsh("destroy", "guest")
    assert defined.virsh("domstate", "--reason", "guest").stdout.strip() == "shut off (destroyed)"
    assert not list(defined.run.glob("guest.*"))


@pytest.mark.kvm
def test_paused_start(defined: SessionDaemon) -> None:
    defined.virsh("start", "--paused", "guest")
    assert defined.virsh("domstate", "--reason", "guest").stdout.strip() == "paused (user)"
    defined.virsh("resume", "guest")
    assert defined.virsh("domstate", "guest").stdout.strip() == "running"


@pytest.mark.kvm
def test_vcpu_threads_are_named(daemon: SessionDaemon) -> None:
    daemon.virsh("create", daemon.write("guest.xml", monitor_xml("guest", vcpus=2)))
    pid = str(daemon.vmm_pid("guest"))
    threads = subprocess.run(["ps", "-eLo", "pid,comm"], capture_output=True, text=True, check=True).stdout
    mine = [line.split(maxsplit=1)[1] for line in threads.splitlines() if line.split()[0] == pid]
    assert {"CPU 0/KVM", "CPU 1/KVM"} <= set(mine)
    title = subprocess.run(["ps", "-o", "args=", pid], capture_output=True, text=True, check=True).stdout
    assert "guest=guest" in title


@pytest.mark.kvm
def test_kvms_counters_of_each_vcpu(daemon: SessionDaemon) -> None:
    daemon.virsh("create", daemon.write("guest.xml", monitor_xml("guest", vcpus=2)))
    stats = daemon.virsh("domstats", "guest", "--vcpu").stdout
    assert re.search(r"vcpu.0.exits.sum=[1-9]\d*\n", stats)
    assert re.search(r"vcpu.1.halt_exits.sum=\d+\n", stats)
    assert re.search(r"vcpu.1.guest_mode.cur=(yes|no)\n", stats)
    assert "hist" not in stats


@pytest.mark.kvm
@pytest.mark.parametrize("maker", [fake_xml, monitor_xml])
def test_transient(daemon: SessionDaemon, maker: XmlMaker) -> None:
    daemon.virsh("create", daemon.write("guest.xml", maker("guest")))
    assert re.search(r"Persistent: +no", daemon.virsh("dominfo", "guest").stdout)
    assert daemon.virsh("list", "--transient", "--name").stdout.split() == ["guest"]
    assert "cannot undefine transient domain" in daemon.error("undefine", "guest")
    assert "cannot set autostart for transient domain" in daemon.error("autostart", "guest")
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("list", "--all").stdout.strip() == ""


@pytest.mark.kvm
def test_undefining_a_running_domain_makes_it_transient(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    daemon.virsh("start", "guest")
    daemon.virsh("undefine", "guest")
    assert re.search(r"Persistent: +no", daemon.virsh("dominfo", "guest").stdout)
    # Defined again while it runs, it stays after its end.
    daemon.virsh("define", daemon.write("live.xml", daemon.virsh("dumpxml", "guest").stdout))
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("domstate", "guest").stdout.strip() == "shut off"


def test_list_filters(daemon: SessionDaemon) -> None:
    for name in ("one", "two"):
        daemon.virsh("define", daemon.write("guest.xml", fake_xml(name)))
    daemon.virsh("autostart", "two")

    def names(*filters: str) -> list[str]:
        return daemon.virsh("list", "--all", "--name", *filters).stdout.split()

    assert names() == ["one", "two"]
    assert names("--autostart") == ["two"]
    assert names("--no-autostart") == ["one"]
    assert names("--state-shutoff", "--persistent", "--without-snapshot") == ["one", "two"]
    assert names("--state-running") == []
    assert names("--with-managed-save") == []
    assert re.search(r"Autostart: +enable", daemon.virsh("dominfo", "two").stdout)
    daemon.virsh("autostart", "--disable", "two")
    assert names("--autostart") == []


def test_title_and_description(daemon: SessionDaemon) -> None:
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest", extra="<title>First</title>")))
    assert "First" in daemon.virsh("list", "--all", "--title").stdout
    daemon.virsh("desc", "guest", "--title", "--new-desc", "Second")
    assert daemon.virsh("desc", "guest", "--title").stdout.strip() == "Second"
    daemon.virsh("desc", "guest", "--new-desc", "several\nlines")
    daemon.stop()
    daemon.start()
    assert daemon.virsh("desc", "guest").stdout.strip() == "several\nlines"


def test_keepalive(daemon: SessionDaemon) -> None:
    """virsh sends a ping a second and gives up after three without an answer."""
    watch = ["virsh", "-k", "1", "-K", "3", "-c", daemon.uri, "event", "--event", "lifecycle", "--timeout"]
    done = subprocess.run([*watch, "6"], capture_output=True, text=True, timeout=60)
    assert "event loop timed out" in done.stdout
    assert "keepalive" not in done.stderr
    assert daemon.process is not None
    client = subprocess.Popen([*watch, "30"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1.5)
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        output = client.communicate(timeout=20)[0]
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    assert "keepalive" in output


def test_read_only(daemon: SessionDaemon) -> None:
    file = daemon.write("guest.xml", fake_xml("guest"))
    assert "read only access prevents virDomainDefineXML" in daemon.error("define", file, readonly=True)
    daemon.virsh("define", file)
    assert daemon.virsh("list", "--all", "--name", readonly=True).stdout.split() == ["guest"]
    assert "read only access prevents virDomainCreate" in daemon.error("start", "guest", readonly=True)


def test_unimplemented_procedure_names_itself(daemon: SessionDaemon) -> None:
    assert "connection driver: virConnectNumOfNWFilters" in daemon.error("nwfilter-list")
    assert daemon.virsh("list").returncode == 0


@pytest.mark.kvm
def test_no_power_button(daemon: SessionDaemon) -> None:
    daemon.virsh("create", daemon.write("guest.xml", fake_xml("guest")))
    assert "has no ACPI power button" in daemon.error("shutdown", "guest")
    assert "reset it instead" in daemon.error("reboot", "guest")
