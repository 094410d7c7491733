"""Discovery by the stock client: kvmctl:///system as root, kvmctl:///session as a user, no socket named.

In a mount namespace of its own with an empty /run, /etc/libvirt and /var, so that the host's stay as they
are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.guests import fake_xml

NOBODY = 65534

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("virsh") is None,
    reason="needs root, unshare and virsh",
)

PREPARE = """
set -e
mount -t tmpfs none /run
mkdir -p /etc/libvirt && mount -t tmpfs none /etc/libvirt
mount -t tmpfs none /var/log
mount -t tmpfs none /var/cache
ln -sfn /run /var/run 2>/dev/null || true
start() {
    "$@" 2>/run/log &
    daemon=$!
    trap 'kill $daemon 2>/dev/null; wait $daemon' EXIT
    for _ in $(seq 100); do [ -S "$socket" ] && return; sleep 0.1; done
    cat /run/log; exit 1
}
"""

SYSTEM = (
    PREPARE
    + """
socket=/run/libvirt/virtkvmctld-sock
start "$PYTHON" -m kvmctl.driver.main
virsh -c kvmctl:///system uri
virsh -c kvmctl:///system define "$XML"
virsh -r -c kvmctl:///system list --all --name
stat -c '%a %n' "$socket" "$socket-ro" /etc/libvirt/kvmctl /etc/libvirt/kvmctl/guest.xml
cat /run/virtkvmctld.pid
setpriv --reuid=65534 --clear-groups virsh -r -c kvmctl:///system list --all --name
setpriv --reuid=65534 --clear-groups virsh -c kvmctl:///system list --all --name || echo refused
"""
)

SESSION = (
    PREPARE
    + """
mkdir -m 700 /run/user && chown 65534 /run/user
export XDG_RUNTIME_DIR=/run/user XDG_CONFIG_HOME=/run/user/config XDG_CACHE_HOME=/run/user/cache
HOME=/run/user
socket=/run/user/libvirt/virtkvmctld-sock
start setpriv --reuid=65534 --clear-groups "$PYTHON" -m kvmctl.driver.main
setpriv --reuid=65534 --clear-groups virsh -c kvmctl:///session uri
setpriv --reuid=65534 --clear-groups virsh -c kvmctl:///session define "$XML"
stat -c '%a %U %n' "$socket" /run/user/config/libvirt/kvmctl/guest.xml
"""
)


def run(script: str, xml: Path) -> str:
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        env={**os.environ, "PYTHON": sys.executable, "XML": str(xml), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def xml() -> Iterator[Path]:
    """A file that everybody may read, unlike pytest's own directories."""
    descriptor, name = tempfile.mkstemp(prefix="kvmctl-test-", suffix=".xml")
    path = Path(name)
    os.close(descriptor)
    path.write_text(fake_xml("guest"))
    path.chmod(0o644)
    yield path
    path.unlink()


def test_system(xml: Path) -> None:
    output = run(SYSTEM, xml)
    lines = output.split()
    assert lines[0] == "kvmctl:///system"
    assert "700 /run/libvirt/virtkvmctld-sock" in output
    assert "777 /run/libvirt/virtkvmctld-sock-ro" in output
    assert "700 /etc/libvirt/kvmctl" in output
    assert "600 /etc/libvirt/kvmctl/guest.xml" in output
    assert lines[-1] == "refused"
    assert lines.count("guest") >= 2


def test_session_of_a_user(xml: Path) -> None:
    if not _readable_by_nobody():
        pytest.skip("an ordinary user can run neither this interpreter nor this checkout")
    output = run(SESSION, xml)
    assert output.split()[0] == "kvmctl:///session"
    assert "700 nobody /run/user/libvirt/virtkvmctld-sock" in output
    assert "600 nobody /run/user/config/libvirt/kvmctl/guest.xml" in output


def _readable_by_nobody() -> bool:
    """The daemon has to start another interpreter, too: its launcher."""
    script = "import subprocess, sys, kvmctl.driver; subprocess.run([sys.executable, '-c', ''], check=True)"
    command = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0
