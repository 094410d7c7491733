"""dnsmasq's configuration, which dnsmasq itself finds good, and its lease file."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvmctl.network
from kvmctl.driver.network import dnsmasqconfig, leases
from kvmctl.driver.network.files import NetworkFiles
from tests.network.test_document import FULL

LEASES = """1732440000 52:54:00:00:02:01 192.0.2.84 guest 01:52:54:00:00:02:01
0 52:54:00:00:02:02 192.0.2.85 * *
duid 00:01:00:01:2e:d5:5f:8a:52:54:00:c1:5a:01
1732440000 T3 2001:db8::107 six 00:01:00:01:2e:d5:60:0e:52:54:00:00:02:03
1732440000 7 2001:db8::108 * 00:04:aa:bb
nonsense
1 2 3
x 52:54:00:00:02:09 192.0.2.86 * *
5 52:54:00:00:02:09 not-an-address * *
"""


@pytest.fixture
def files(tmp_path: Path) -> NetworkFiles:
    files = NetworkFiles(tmp_path / "definitions", tmp_path / "run", tmp_path / "leases")
    files.create()
    return files


def _lines(inside: str, files: NetworkFiles) -> list[str]:
    xml = f"<network><name>n</name><bridge name='virbr0'/>{inside}</network>"
    return dnsmasqconfig.configuration(kvmctl.network.parse(xml), files).splitlines()


def test_everything_at_once(files: NetworkFiles) -> None:
    lines = dnsmasqconfig.configuration(kvmctl.network.parse(FULL), files).splitlines()
    assert {
        "interface=virbr0",
        "bind-dynamic",
        "no-resolv",
        "server=198.51.100.1",
        "server=/example.com/198.51.100.2",
        "domain-needed",
        'txt-record=note,"one, two"',
        "host-record=nine,neuf,192.0.2.9",
        "srv-host=_ldap._tcp.example.org,nine,389,1,2",
        "local=/2.0.192.in-addr.arpa/",
        "local=/example.org/",
        "domain=example.org",
        "dhcp-range=192.0.2.2,192.0.2.99,255.255.255.0,2h",
        "dhcp-host=52:54:00:00:00:02,two,192.0.2.102,infinite",
        "dhcp-boot=pxelinux.0,,192.0.2.1",
        "dhcp-range=2001:db8::100,2001:db8::1ff,64",
        "dhcp-host=id:0:4:7e:7d:f0:7d,six,[2001:db8::6]",
        "dhcp-option=option:mtu,9000",
        "enable-ra",
        "enable-tftp",
        'tftp-root="/srv/tftp"',
    } <= set(lines)
    assert "port=0" not in lines


def test_an_isolated_networks_guests_have_no_router(files: NetworkFiles) -> None:
    range_ = "<dhcp><range start='10.0.0.2' end='10.0.0.9'/></dhcp>"
    lines = _lines(f"<ip address='10.0.0.1' prefix='24'>{range_}</ip>", files)
    assert "dhcp-option=3" in lines and "no-resolv" in lines


def test_hosts_without_a_range(files: NetworkFiles) -> None:
    host = "<dhcp><host mac='52:54:00:00:00:01' ip='10.0.0.9'/></dhcp>"
    assert "dhcp-range=10.0.0.0,static" in _lines(f"<ip address='10.0.0.1' prefix='24'>{host}</ip>", files)


def test_without_dns(files: NetworkFiles) -> None:
    assert "port=0" in _lines("<dns enable='no'/><ip address='10.0.0.1' prefix='24'/>", files)


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ("", False),
        ("<ip address='10.0.0.1'/>", True),
        ("<dns enable='no'/><ip address='10.0.0.1'/>", False),
        ("<dns enable='no'/><ip address='10.0.0.1'><dhcp/></ip>", True),
    ],
)
def test_whether_there_is_anything_to_do(inside: str, wanted: bool) -> None:
    network = kvmctl.network.parse(f"<network><name>n</name><bridge name='b'/>{inside}</network>")
    assert dnsmasqconfig.is_wanted(network) is wanted


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="dnsmasq is not installed")
def test_dnsmasq_understands_it(files: NetworkFiles) -> None:
    path = files.run / "full.conf"
    path.write_text(dnsmasqconfig.configuration(kvmctl.network.parse(FULL), files))
    command = ["dnsmasq", "--test", f"--conf-file={path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_leases() -> None:
    found = list(leases.parse_leases(LEASES))
    assert [(lease.mac, str(lease.address), lease.hostname, lease.iaid) for lease in found] == [
        ("52:54:00:00:02:01", "192.0.2.84", "guest", None),
        ("52:54:00:00:02:02", "192.0.2.85", None, None),
        ("52:54:00:00:02:03", "2001:db8::107", "six", "3"),
        (None, "2001:db8::108", None, "7"),
    ]
    assert found[0].client_id == "01:52:54:00:00:02:01"


def test_leases_that_have_expired_are_none(files: NetworkFiles) -> None:
    files.lease_file("n").write_text(LEASES)
    assert [lease.address for lease in leases.given("n", files)] == [ip_address("192.0.2.85")]
    assert leases.given("other", files) == []


@given(st.text(max_size=200))
def test_any_lease_file_is_read(text: str) -> None:
    for lease in leases.parse_leases(text):
        assert lease.expiry >= 0
