"""Networks through the real virsh: what is on the host while they run, and what is left of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml
from tests.driver.network.conftest import Namespace
from tests.driver.network.networks import DHCP, network_xml

pytestmark = pytest.mark.usefixtures("needs_programs")

UUID = re.compile(r"<uuid>(.*)</uuid>")


def _define(daemon: SessionDaemon, name: str, **options: str) -> None:
    daemon.virsh("net-define", daemon.write(f"{name}.xml", network_xml(name, **options)))


def _listed(daemon: SessionDaemon, *options: str) -> list[str]:
    return daemon.virsh("net-list", "--name", *options).stdout.split()


def test_the_life_of_a_network(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "life", bridge="<bridge name='virbr7'/>", extra="<mtu size='1400'/>")
    assert _listed(daemon) == []
    assert _listed(daemon, "--inactive") == ["life"]
    daemon.virsh("net-start", "life")
    assert daemon.virsh("net-list").stdout.split() == ["life", "active", "no", "yes"]
    assert "192.0.2.1/24" in namespace.run("ip", "-br", "addr", "show", "virbr7")
    assert "mtu 1400" in namespace.run("ip", "link", "show", "virbr7")
    assert namespace.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    rules = namespace.run("nft", "list", "ruleset")
    assert "masquerade" in rules and 'iifname "virbr7" reject' in rules
    assert len(namespace.processes("dnsmasq")) == 1
    live = daemon.virsh("net-dumpxml", "life").stdout
    assert "<bridge name='virbr7' stp='on' delay='0'/>" in live
    assert "<mac address='52:54:00:" in live
    mac = re.search("<mac address='(.*)'/>", live)
    assert mac is not None and mac[1] in namespace.run("ip", "link", "show", "virbr7")

    daemon.virsh("net-destroy", "life")
    assert "virbr7" not in namespace.run("ip", "link")
    assert namespace.run("nft", "list", "ruleset") == ""
    assert namespace.processes("dnsmasq") == []
    daemon.virsh("net-start", "life")
    assert mac[1] in namespace.run("ip", "link", "show", "virbr7"), "the same address each time"
    daemon.virsh("net-undefine", "life")
    assert daemon.virsh("net-list", "--transient").stdout.split()[0] == "life"
    daemon.virsh("net-destroy", "life")
    assert _listed(daemon, "--all") == []


def test_it_outlives_its_daemon(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "kept")
    daemon.virsh("net-start", "kept")
    daemon.virsh("net-create", daemon.write("t.xml", network_xml("transient", address="198.51.100.1")))
    before = daemon.virsh("net-dumpxml", "kept").stdout
    daemon.stop(signal.SIGKILL)
    servers = namespace.processes("dnsmasq")
    os.kill(servers[0], signal.SIGKILL)
    namespace.run("nft", "flush", "ruleset")
    daemon.start()
    assert _listed(daemon) == ["kept", "transient"]
    assert namespace.run("nft", "list", "ruleset").count("table") == 2, "rules are set again"
    assert daemon.virsh("net-list", "--persistent").stdout.split()[0] == "kept"
    assert daemon.virsh("net-dumpxml", "kept").stdout == before
    assert len(namespace.processes("dnsmasq")) == 2, "one that had ended meanwhile is replaced"
    for name in ("kept", "transient"):
        daemon.virsh("net-destroy", name)
    assert namespace.processes("dnsmasq") == []
    assert "virbr" not in namespace.run("ip", "link")


def test_a_reload_sets_the_rules_again(namespace: Namespace, isolated: SessionDaemon) -> None:
    _define(isolated, "ruled")
    isolated.virsh("net-start", "ruled")
    namespace.run("nft", "flush", "ruleset")
    assert isolated.process is not None
    isolated.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while "masquerade" not in namespace.run("nft", "list", "ruleset"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_start_that_was_cut_off_is_undone(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "cut", bridge="<bridge name='virbr8'/>")
    daemon.virsh("net-start", "cut")
    daemon.stop(signal.SIGKILL)
    status = daemon.run / "networks/cut.xml"
    status.write_text(status.read_text().replace('finished="yes"', 'finished="no"'))
    daemon.start()
    assert _listed(daemon, "--inactive") == ["cut"]
    assert "virbr8" not in namespace.run("ip", "link")
    assert namespace.processes("dnsmasq") == []
    assert namespace.run("nft", "list", "ruleset") == ""
    daemon.virsh("net-start", "cut")


def test_a_name_with_everything_in_it(namespace: Namespace, isolated: SessionDaemon) -> None:
    name = "a #1 \\ \"b\" 'c', $d;é"
    xml = network_xml("NAME").replace("NAME", name)
    isolated.virsh("net-create", isolated.write("odd.xml", xml))
    assert len(namespace.processes("dnsmasq")) == 1
    assert isolated.virsh("net-list", "--name").stdout.strip() == name
    assert (isolated.run / f"networks/{name}.pid").exists()
    isolated.virsh("net-destroy", name)
    assert namespace.processes("dnsmasq") == []


def test_autostart_is_for_the_hosts_start(isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "auto")
    daemon.virsh("net-autostart", "auto")
    assert _listed(daemon, "--autostart", "--all") == ["auto"]
    daemon.stop()
    daemon.start()
    assert _listed(daemon) == []
    daemon.stop()
    (daemon.run / "networks/autostarted").unlink()
    daemon.start()
    assert _listed(daemon) == ["auto"]
    daemon.virsh("net-autostart", "auto", "--disable")
    assert _listed(daemon, "--no-autostart") == ["auto"]


_WATCHER = """
import sys, libvirt
libvirt.virEventRegisterDefaultImpl()
connection = libvirt.open(sys.argv[1])
def tell(connection, network, event, detail, opaque):
    print(network.name(), event, detail, flush=True)
connection.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, tell, None)
print("ready", flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
"""


def test_events(isolated: SessionDaemon) -> None:
    daemon = isolated
    command = [sys.executable, "-c", _WATCHER, daemon.uri]
    with subprocess.Popen(command, env=daemon.environment, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        try:
            assert watcher.stdout.readline() == "ready\n"
            _define(daemon, "told")
            daemon.virsh("net-start", "told")
            daemon.virsh("net-destroy", "told")
            daemon.virsh("net-undefine", "told")
            lines = [watcher.stdout.readline().strip() for _ in range(4)]
        finally:
            watcher.kill()
    # Defined, started, stopped, undefined (virNetworkEventLifecycleType)
    assert lines == ["told 0 0", "told 2 0", "told 3 0", "told 1 0"]


def test_updates(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "changing")
    daemon.virsh("net-start", "changing")
    host = "<host mac='52:54:00:00:00:77' name='seven' ip='192.0.2.77'/>"
    both = ("--live", "--config")
    daemon.virsh("net-update", "changing", "add", "ip-dhcp-host", host, *both)
    assert host in daemon.virsh("net-dumpxml", "changing").stdout
    assert host in daemon.virsh("net-dumpxml", "changing", "--inactive").stdout
    config = (daemon.run / "networks/changing.conf").read_text()
    assert "dhcp-host=52:54:00:00:00:77,seven,192.0.2.77" in config
    assert len(namespace.processes("dnsmasq")) == 1
    message = daemon.error("net-update", "changing", "add", "ip-dhcp-host", host, "--live")
    assert "already at least one dhcp host" in message
    changed = host.replace("2.77", "2.78")
    daemon.virsh("net-update", "changing", "modify", "ip-dhcp-host", changed, "--live")
    assert "192.0.2.78" in daemon.virsh("net-dumpxml", "changing").stdout
    assert "192.0.2.77" in daemon.virsh("net-dumpxml", "changing", "--inactive").stdout
    outside = "<host mac='52:54:00:00:00:79' ip='198.51.100.9'/>"
    assert "no matching <ip>" in daemon.error("net-update", "changing", "add", "ip-dhcp-host", outside)
    daemon.virsh("net-update", "changing", "delete", "ip-dhcp-host", host, "--config")
    assert "192.0.2.77" not in daemon.virsh("net-dumpxml", "changing", "--inactive").stdout
    record = "<host ip='192.0.2.9'><hostname>nine</hostname></host>"
    daemon.virsh("net-update", "changing", "add", "dns-host", record)
    assert "host-record=nine,192.0.2.9" in (daemon.run / "networks/changing.conf").read_text()
    assert "can't update 'bridge' section" in daemon.error(
        "net-update", "changing", "modify", "bridge", "<bridge name='x'/>"
    )


@pytest.mark.parametrize(
    ("forward", "wanted", "unwanted"),
    [
        ("", ["reject"], ["masquerade", "192.0.2.0/24"]),
        ("<forward mode='route'/>", ["ip daddr 192.0.2.0/24 accept"], ["masquerade"]),
        ("<forward mode='open'/>", [], ["table"]),
        ("<forward mode='nat' dev='lo'/>", ['oifname "lo"', "masquerade"], []),
        (
            "<forward mode='nat'><nat><address start='203.0.113.5' end='203.0.113.6'/>"
            "<port start='2000' end='3000'/></nat></forward>",
            ["snat ip to 203.0.113.5-203.0.113.6:2000-3000"],
            ["masquerade"],
        ),
    ],
)
def test_forward_modes(
    namespace: Namespace, isolated: SessionDaemon, forward: str, wanted: list[str], unwanted: list[str]
) -> None:
    isolated.virsh("net-create", isolated.write("net.xml", network_xml("way", forward=forward)))
    rules = namespace.run("nft", "list", "ruleset")
    assert all(text in rules for text in wanted), rules
    assert not any(text in rules for text in unwanted), rules
    isolated.virsh("net-destroy", "way")
    assert namespace.run("nft", "list", "ruleset") == ""


def test_what_is_refused(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "one", bridge="<bridge name='virbr5'/>")
    second = daemon.write("two.xml", network_xml("two", bridge="<bridge name='virbr5'/>"))
    assert "bridge name 'virbr5' already in use." in daemon.error("net-define", second)
    taken = UUID.search(daemon.virsh("net-dumpxml", "one").stdout)
    assert taken is not None
    clash = network_xml("other", extra=taken[0])
    assert "is already defined with uuid" in daemon.error("net-define", daemon.write("c.xml", clash))
    assert "already exists with uuid" in daemon.error("net-define", daemon.write("d.xml", network_xml("one")))
    assert "network is already active" in _second_start(daemon)
    _define(daemon, "overlapping")
    message = daemon.error("net-start", "overlapping")
    assert "Network is already in use by interface virbr5" in message
    namespace.run("ip", "link", "add", "virbr6", "type", "bridge")
    _define(daemon, "existing", bridge="<bridge name='virbr6'/>", address="198.51.100.1", dhcp="")
    assert "cannot create bridge 'virbr6': File exists" in daemon.error("net-start", "existing")
    assert "virbr6" in namespace.run("ip", "link"), "what was there before stays"
    assert _listed(daemon) == ["one"]
    message = daemon.error("net-start", "nowhere")
    assert "no network with matching name 'nowhere'" in message
    assert "is not active" in daemon.error("net-destroy", "existing")
    devices = "<interface type='network'><source network='{}'/></interface><serial type='pty'/>"
    for network, words in (("existing", "network 'existing' is not active"), ("none", "no network with")):
        xml = fake_xml("guest", devices=devices.format(network))
        assert words in daemon.error("create", daemon.write("guest.xml", xml))
    assert daemon.virsh("list", "--all", "--name").stdout.split() == []


def _second_start(daemon: SessionDaemon) -> str:
    daemon.virsh("net-start", "one")
    return daemon.error("net-start", "one")


def test_ports(namespace: Namespace, isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "busy")
    daemon.virsh("net-start", "busy")
    assert daemon.virsh("net-port-list", "busy").stdout.split() == []
    card = "<interface type='network'><mac address='52:54:00:00:03:0{}'/><source network='busy'/></interface>"
    devices = card.format(1) + card.format(2) + "<serial type='pty'/>"
    daemon.virsh("create", daemon.write("guest.xml", fake_xml("guest", devices=devices)))
    ports = daemon.virsh("net-port-list", "busy").stdout.split()
    assert len(ports) == 2
    live = daemon.virsh("dumpxml", "guest").stdout
    assert all(f"portid='{port}'" in live for port in ports)
    described = [daemon.virsh("net-port-dumpxml", "busy", port).stdout for port in ports]
    assert all("<name>guest</name>" in xml for xml in described)
    assert {re.search("<mac address='(.*)'/>", xml)[1] for xml in described} == {  # type: ignore[index]
        "52:54:00:00:03:01",
        "52:54:00:00:03:02",
    }
    assert "connections='2'" in daemon.virsh("net-dumpxml", "busy").stdout
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.virsh("net-port-list", "busy").stdout.split() == ports
    bridge = re.search("bridge='(virbr[0-9]+)'", live)
    assert bridge is not None
    assert namespace.run("ip", "-br", "link", "show", "master", bridge[1]).count("vnet") == 2
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("net-port-list", "busy").stdout.split() == []


def test_a_read_only_client_changes_nothing(isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "safe")
    for command in (["net-start", "safe"], ["net-undefine", "safe"], ["net-autostart", "safe"]):
        assert "read only" in daemon.error(*command, readonly=True) or "forbidden" in daemon.error(
            *command, readonly=True
        )
    assert daemon.virsh("net-list", "--all", "--name", readonly=True).stdout.split() == ["safe"]


def test_broken_definitions_are_left_alone(isolated: SessionDaemon) -> None:
    daemon = isolated
    _define(daemon, "good")
    daemon.stop()
    broken = daemon.definitions / "networks/broken.xml"
    broken.write_text("<network><name>broken</name>")
    daemon.start()
    assert _listed(daemon, "--all") == ["good"]
    assert broken.exists()
    assert "ignoring network definition" in daemon.output.read_text()


def test_a_network_for_ipv6(namespace: Namespace, isolated: SessionDaemon) -> None:
    xml = (
        "<network><name>six</name><forward mode='nat'><nat ipv6='yes'/></forward>"
        f"<ip address='192.0.2.1' prefix='24'>{DHCP}</ip>"
        "<ip family='ipv6' address='2001:db8:1::1' prefix='64'>"
        "<dhcp><range start='2001:db8:1::100' end='2001:db8:1::1ff'/></dhcp></ip></network>"
    )
    isolated.virsh("net-create", isolated.write("six.xml", xml))
    name = _listed(isolated)[0]
    assert name == "six"
    assert "2001:db8:1::1/64" in namespace.run("ip", "addr")
    assert "ip6 saddr 2001:db8:1::/64" in namespace.run("nft", "list", "ruleset")
    assert "enable-ra" in (isolated.run / "networks/six.conf").read_text()
    isolated.virsh("net-destroy", "six")
