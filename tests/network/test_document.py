"""Network XML: what is read comes back, and what is wrong is named."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvmctl.network
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.network import Network
from kvmctl.network.model import (
    Bridge,
    Dhcp,
    DhcpHost,
    DhcpRange,
    Dns,
    DnsForwarder,
    DnsHost,
    DnsSrv,
    DnsTxt,
    Forward,
    Hostname,
    Ip,
    Lease,
    PortRange,
    Route,
)
from tests.budget import examples

ROOT = Path(__file__).resolve().parents[2]

FULL = """<network>
  <name>full</name>
  <uuid>534dad22-e6e1-43b9-b274-4f69a0b4fe7a</uuid>
  <metadata><a:b xmlns:a="urn:a">text</a:b></metadata>
  <forward mode='nat' dev='eth0'>
    <nat>
      <address start='203.0.113.1' end='203.0.113.9'/>
      <port start='1024' end='2048'/>
    </nat>
    <interface dev='eth0'/>
  </forward>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mtu size='9000'/>
  <mac address='52:54:00:00:00:01'/>
  <domain name='example.org' localOnly='yes'/>
  <dns enable='yes' forwardPlainNames='no'>
    <forwarder addr='198.51.100.1'/>
    <forwarder addr='198.51.100.2' domain='example.com'/>
    <txt name='note' value='one, two'/>
    <host ip='192.0.2.9'>
      <hostname>nine</hostname>
      <hostname>neuf</hostname>
    </host>
    <srv service='ldap' protocol='tcp' domain='example.org' target='nine' port='389' priority='1' weight='2'/>
  </dns>
  <ip family='ipv4' address='192.0.2.1' netmask='255.255.255.0' localPtr='yes'>
    <tftp root='/srv/tftp'/>
    <dhcp>
      <range start='192.0.2.2' end='192.0.2.99'>
        <lease expiry='2' unit='hours'/>
      </range>
      <host mac='52:54:00:00:00:02' name='two' ip='192.0.2.102'>
        <lease expiry='0' unit='minutes'/>
      </host>
      <bootp file='pxelinux.0' server='192.0.2.1'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8::1' prefix='64'>
    <dhcp>
      <range start='2001:db8::100' end='2001:db8::1ff'/>
      <host id='0:4:7e:7d:f0:7d' name='six' ip='2001:db8::6'/>
    </dhcp>
  </ip>
  <route family='ipv4' address='198.51.100.0' prefix='24' gateway='192.0.2.4' metric='2'/>
</network>
"""


def test_everything_comes_back_as_it_was() -> None:
    assert kvmctl.network.format(kvmctl.network.parse(FULL)) == FULL


def test_the_example() -> None:
    network = kvmctl.network.parse((ROOT / "examples/network-default.xml").read_bytes())
    assert (network.name, network.mode, network.bridge_name) == ("default", "nat", "virbr0")


def test_defaults() -> None:
    network = kvmctl.network.parse("<network><name>a</name><ip address='10.0.0.1'/></network>")
    filled = kvmctl.network.with_defaults(network, lambda: "virbr3")
    assert filled.uuid is not None
    assert filled.bridge == Bridge(name="virbr3", stp=True, delay=0)
    assert filled.mac is not None and filled.mac.startswith("52:54:00:")
    assert str(filled.ips[0].subnet) == "10.0.0.0/8", "by its class"
    foreign = "<network><name>a</name><forward mode='bridge'/><bridge name='br0'/></network>"
    network = kvmctl.network.parse(foreign)
    assert kvmctl.network.with_defaults(network, lambda: "no").mac is None


def test_connections_are_of_the_running_network_only() -> None:
    network = kvmctl.network.parse("<network connections='3'><name>a</name></network>")
    assert network.connections == 3
    assert "connections" not in kvmctl.network.format(network)
    assert kvmctl.network.inactive(network).connections is None


IP = "<ip address='192.0.2.1' netmask='255.255.255.0'>{}</ip>"


def _with_range(start: str, end: str) -> str:
    return IP.format(f"<dhcp><range start='{start}' end='{end}'/></dhcp>")


@pytest.mark.parametrize(
    ("inside", "kind", "words"),
    [
        ("<forward mode='nat'/>", ErrorKind.XML_ERROR, "no IP address provided"),
        ("<forward mode='bridge'/>", ErrorKind.CONFIG_UNSUPPORTED, "no bridge name"),
        ("<forward mode='vepa'/>", ErrorKind.CONFIG_UNSUPPORTED, "value 'vepa'"),
        ("<forward mode='best'/>", ErrorKind.XML_DETAIL, "'nat' or 'route' or 'open' or 'bridge'"),
        ("<portgroup name='a'/>", ErrorKind.CONFIG_UNSUPPORTED, "element 'portgroup' is not supported"),
        ("<bridge name='b' zone='z'/>", ErrorKind.CONFIG_UNSUPPORTED, "attribute 'zone'"),
        ("<portgrop/>", ErrorKind.XML_DETAIL, "unknown element 'portgrop'"),
        ("<forward mode='bridge'/><bridge name='b'/>" + IP.format(""), ErrorKind.CONFIG_UNSUPPORTED, "<ip>"),
        ("<forward mode='route'><nat><port start='1' end='2'/></nat></forward>" + IP.format(""),
         ErrorKind.XML_ERROR, "<nat> needs"),
        ("<forward mode='nat'><nat><port start='9' end='2'/></nat></forward>" + IP.format(""),
         ErrorKind.XML_ERROR, "wrong order"),
        ("<forward mode='open' dev='eth0'/>", ErrorKind.XML_ERROR, "not allowed"),
        (_with_range("192.0.2.9", "192.0.2.5"), ErrorKind.XML_ERROR, "not after the start"),
        (_with_range("192.0.2.9", "192.0.3.5"), ErrorKind.XML_ERROR, "not entirely within"),
        (_with_range("192.0.2.0", "192.0.2.5"), ErrorKind.XML_ERROR, "network address"),
        (_with_range("192.0.2.9", "192.0.2.255"), ErrorKind.XML_ERROR, "broadcast address"),
        (_with_range("192.0.2.9", "2001:db8::5"), ErrorKind.XML_ERROR, "not after the start"),
        (IP.format("<dhcp><host mac='52:54:00:00:00:01' ip='10.0.0.1'/></dhcp>"),
         ErrorKind.XML_ERROR, "not in the network"),
        (IP.format("<dhcp><host ip='192.0.2.5'/></dhcp>"), ErrorKind.XML_ERROR, "needs a mac"),
        (IP.format("<dhcp/>") * 2, ErrorKind.CONFIG_UNSUPPORTED, "Multiple IPv4 dhcp sections"),
        ("<ip address='192.0.2.1' prefix='33'/>", ErrorKind.XML_ERROR, "192.0.2.1"),
        ("<ip address='192.0.2.1' netmask='255.0.255.0'/>", ErrorKind.XML_ERROR, "192.0.2.1"),
        ("<ip address='192.0.2.1' prefix='24' netmask='255.255.255.0'/>", ErrorKind.XML_ERROR, "both"),
        ("<ip family='ipv6' address='192.0.2.1'/>", ErrorKind.XML_ERROR, "not of family"),
        ("<ip address='nowhere'/>", ErrorKind.XML_ERROR, "an IP address"),
        ("<ip address='fe80::1%eth0'/>", ErrorKind.XML_ERROR, "an IP address"),
        (IP.format("") + "<route address='10.0.0.0' prefix='8' gateway='10.0.0.1'/>",
         ErrorKind.XML_ERROR, "gateway"),
        (IP.format("") + "<route address='10.0.0.1' prefix='8' gateway='192.0.2.2'/>",
         ErrorKind.XML_ERROR, "not the address of a network"),
        ("<dns><host ip='1.2.3.4'/></dns>", ErrorKind.XML_ERROR, "missing hostname"),
        ("<dns><forwarder/></dns>", ErrorKind.XML_ERROR, "needs an addr"),
        ("<dns><txt name='a' value='b&#10;server=evil'/></dns>", ErrorKind.XML_DETAIL, "one line"),
        ("<domain name='a&#10;b'/>", ErrorKind.XML_DETAIL, "name of the DNS"),
        ("<bridge name='a/b'/>", ErrorKind.XML_DETAIL, "network interface"),
        ("<bridge name='a&quot; drop'/>", ErrorKind.XML_DETAIL, "network interface"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(inside: str, kind: ErrorKind, words: str) -> None:
    with pytest.raises(DomainError) as caught:
        kvmctl.network.parse(f"<network><name>a</name>{inside}</network>")
    assert caught.value.kind is kind
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "", ".hidden"])
def test_a_name_is_also_a_files(name: str) -> None:
    with pytest.raises(DomainError):
        kvmctl.network.parse(f"<network><name>{name}</name></network>")


_names = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
_leases = st.none() | st.builds(
    Lease, expiry=st.integers(0, 2**32 - 1), unit=st.sampled_from(("seconds", "minutes", "hours"))
)


@st.composite
def _addresses(draw: st.DrawFn) -> Ip:
    subnet = draw(st.integers(0, 255))
    first = draw(st.integers(2, 100))
    last = draw(st.integers(first, 200))
    hosts = draw(st.lists(st.integers(201, 254), max_size=3, unique=True))

    def address(number: int) -> str:
        return f"10.0.{subnet}.{number}"

    dhcp = Dhcp(
        ranges=(
            DhcpRange(start=ip_address(address(first)), end=ip_address(address(last)), lease=draw(_leases)),
        ),
        hosts=tuple(
            DhcpHost(
                mac=f"52:54:00:00:00:{host:02x}", name=draw(st.none() | _names), ip=ip_address(address(host))
            )
            for host in hosts
        ),
        boot_file=draw(st.none() | _names),
    )
    return Ip(
        address=ip_address(address(1)),
        prefix=24,
        local_ptr=draw(st.none() | st.booleans()),
        dhcp=draw(st.none() | st.just(dhcp)),
    )


@st.composite
def _networks(draw: st.DrawFn) -> Network:
    ip = draw(_addresses())
    gateway = ip_address(str(ip.address)[: str(ip.address).rindex(".")] + ".7")
    dns = Dns(
        enable=draw(st.none() | st.booleans()),
        forwarders=draw(st.sampled_from(((), (DnsForwarder(domain="a.b"),)))),
        txts=tuple(
            DnsTxt(name=name, value=draw(st.text("abc ,\"'\\<&", max_size=20)))
            for name in draw(st.lists(_names, max_size=2))
        ),
        hosts=tuple(
            DnsHost(ip=gateway, hostnames=(Hostname(name=name),))
            for name in draw(st.lists(_names, max_size=2, unique=True))
        ),
        srvs=draw(st.sampled_from(((), (DnsSrv(service="a", protocol="tcp", target="b", port=9),)))),
    )
    forward = Forward(
        mode="nat",
        nat_ports=draw(st.sampled_from(((), (PortRange(start=1, end=9),)))),
        dev=draw(st.none() | _names),
    )
    return Network(
        name=draw(_names),
        uuid=draw(st.none() | st.uuids()),
        forward=draw(st.none() | st.just(forward)),
        bridge=draw(st.none() | st.builds(Bridge, name=_names, stp=st.booleans(), delay=st.integers(0, 30))),
        mtu=draw(st.none() | st.integers(68, 65535)),
        domain=draw(st.none() | _names),
        dns=draw(st.none() | st.just(dns)),
        ips=(ip,),
        routes=draw(
            st.sampled_from(((), (Route(address=ip_address("172.16.0.0"), prefix=12, gateway=gateway),)))
        ),
    )


@examples(100)
@given(_networks())
def test_any_network_survives_a_round_trip(network: Network) -> None:
    assert kvmctl.network.parse(kvmctl.network.format(network)) == network


@examples(200)
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_a_network_or_an_error(text: str | bytes) -> None:
    with pytest.raises(DomainError):
        kvmctl.network.parse(text)
