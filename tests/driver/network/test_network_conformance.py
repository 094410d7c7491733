"""virsh's network commands, right and wrong, beside libvirt's own test driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.conformance import oracle
from tests.driver.conformance.table import Row

UUID = "6f6c1d1c-4a3f-4b7e-9b1e-0f5d2c3b4a59"
NETWORK = """<network>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <forward mode='nat'/>
  <bridge name='{bridge}' stp='on' delay='0'/>
  <mac address='52:54:00:00:00:01'/>
  <ip address='192.0.2.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.0.2.2' end='192.0.2.254'/>
    </dhcp>
  </ip>
</network>
"""
FILES = {
    "one.xml": NETWORK.format(name="one", uuid=UUID, bridge="virbr41"),
    "renamed.xml": NETWORK.format(name="other", uuid=UUID, bridge="virbr42"),
    "clash.xml": NETWORK.format(name="one", uuid=UUID.replace("6f6c", "6f6d"), bridge="virbr41"),
    "range.xml": NETWORK.format(name="bad", uuid=UUID, bridge="virbr43").replace("192.0.2.254", "192.0.9.9"),
}

PLACE = "the daemon says where in the document"
RUNNING = "the test driver has words of its own for a network that runs"
LACKS = "the test driver does not have this function, or this flag of it"

ROWS = [
    Row("net-list --all"),
    Row("net-define DIR/one.xml"),
    Row("net-define DIR/one.xml"),
    Row("net-define DIR/renamed.xml"),
    Row("net-define DIR/clash.xml"),
    Row("net-define DIR/range.xml", PLACE),
    Row("net-define DIR/nosuch.xml"),
    Row("net-dumpxml one"),
    Row("net-dumpxml one --inactive", LACKS),
    Row("net-list --all"),
    Row("net-list --inactive --name"),
    Row("net-list --persistent --uuid --all"),
    Row("net-list --transient --all"),
    Row("net-info one"),
    Row(f"net-info {UUID}"),
    Row("net-info nosuch"),
    Row("net-uuid one"),
    Row("net-uuid nosuch"),
    Row(f"net-name {UUID}"),
    Row("net-name 00000000-0000-0000-0000-000000000000"),
    Row("net-autostart one"),
    Row("net-list --all --autostart"),
    Row("net-list --all --no-autostart"),
    Row("net-autostart one --disable"),
    Row("net-autostart nosuch"),
    Row("net-destroy one", RUNNING),
    Row("net-start one"),
    Row("net-start one", RUNNING),
    Row("net-start nosuch"),
    Row("net-list"),
    Row("net-info one"),
    Row("net-create DIR/one.xml"),
    Row("net-dhcp-leases one", LACKS),
    Row("net-port-list one", LACKS),
    Row("net-update one add ip-dhcp-host \"<host mac='52:54:00:00:00:07' ip='192.0.2.7'/>\""),
    Row("net-dumpxml one"),
    Row("net-dumpxml one --inactive", LACKS),
    Row("net-update one modify bridge <bridge/>"),
    Row("net-update one add nosuch <a/>"),
    Row("net-update one"),
    Row("net-destroy one"),
    Row("net-destroy nosuch"),
    Row("net-undefine one"),
    Row("net-undefine one"),
    Row("net-undefine nosuch"),
    Row("net-create DIR/one.xml"),
    Row("net-list --transient"),
    Row("net-destroy one"),
    Row("net-list --all"),
    Row("net-list --bogus"),
    Row("net-event --list"),
]


@pytest.mark.usefixtures("needs_programs")
def test_the_answers_are_libvirts(isolated: SessionDaemon, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    commands = [row.command.replace("DIR", str(tmp_path)) for row in ROWS]
    before = ["net-destroy default", "net-undefine default"]
    theirs = oracle.run("test:///default", [*before, *commands], isolated.environment)[len(before) :]
    ours = oracle.run(isolated.uri, commands, isolated.environment)
    answers = list(zip(ROWS, theirs, ours, strict=True))
    unlike = [
        f"{row.command}\n  test: {t}\n  ours: {o}" for row, t, o in answers if t != o and not row.differs
    ]
    assert not unlike, "\n".join(unlike)
    stale = [row.command for row, t, o in answers if t == o and row.differs]
    assert not stale, "these no longer differ"
