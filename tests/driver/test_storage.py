"""Storage pools and volumes through the real virsh."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest
from lxml import etree

from tests.conftest import SessionDaemon

SCHEMAS = Path("/usr/share/libvirt/schemas")


@pytest.fixture
def pool(daemon: SessionDaemon) -> Path:
    """The directory of an active pool named images."""
    directory = daemon.directory / "images"
    daemon.virsh("pool-define-as", "images", "dir", "--target", str(directory))
    daemon.virsh("pool-build", "images")
    daemon.virsh("pool-start", "images")
    return directory


def is_valid(xml: str, schema: str) -> bool:
    file = SCHEMAS / f"{schema}.rng"
    return not file.exists() or bool(etree.RelaxNG(file=str(file)).validate(etree.fromstring(xml)))


def test_a_pools_life(daemon: SessionDaemon, pool: Path) -> None:
    assert pool.stat().st_mode & 0o777 == 0o711
    assert re.search(r"images +active +no", daemon.virsh("pool-list", "--all").stdout)
    assert "running" in daemon.virsh("pool-info", "images").stdout
    xml = daemon.virsh("pool-dumpxml", "images").stdout
    assert f"<path>{pool}</path>" in xml
    assert is_valid(xml, "storagepool")
    assert "still active" in daemon.error("pool-undefine", "images")
    assert "already active" in daemon.error("pool-start", "images")
    daemon.virsh("pool-destroy", "images")
    assert "inactive" in daemon.virsh("pool-list", "--all").stdout
    assert "is not active" in daemon.error("vol-list", "images")
    daemon.virsh("pool-delete", "images")
    assert not pool.exists()
    assert "cannot read directory" in daemon.error("pool-start", "images")
    daemon.virsh("pool-undefine", "images")
    assert "no storage pool with matching name 'images'" in daemon.error("pool-info", "images")


def test_pools_outlive_the_daemon(daemon: SessionDaemon, pool: Path) -> None:
    daemon.virsh("pool-autostart", "images")
    transient = daemon.directory / "transient"
    daemon.virsh("pool-create-as", "brief", "dir", "--target", str(transient), "--build")
    before = daemon.virsh("pool-dumpxml", "images").stdout
    daemon.stop(signal.SIGKILL)
    daemon.start()
    pools = daemon.virsh("pool-list", "--all").stdout
    assert re.search(r"images +active +yes", pools)
    assert re.search(r"brief +active +no", pools)
    uuids = [
        re.findall("<uuid>.*</uuid>", xml) for xml in (before, daemon.virsh("pool-dumpxml", "images").stdout)
    ]
    assert uuids[0] == uuids[1]
    daemon.virsh("pool-destroy", "brief")
    assert "brief" not in daemon.virsh("pool-list", "--all").stdout


def test_older_clients_and_readers(daemon: SessionDaemon, pool: Path) -> None:
    libvirt = pytest.importorskip("libvirt")
    connection = libvirt.open(daemon.uri)
    assert (connection.listStoragePools(), connection.listDefinedStoragePools()) == (["images"], [])
    assert connection.storagePoolLookupByTargetPath(str(pool)).name() == "images"
    connection.close()
    assert "images" in daemon.virsh("pool-list", readonly=True).stdout
    assert "read only" in daemon.error("pool-destroy", "images", readonly=True)


def test_pools_that_clash(daemon: SessionDaemon, pool: Path) -> None:
    error = daemon.error("pool-define-as", "other", "dir", "--target", str(pool))
    assert "Storage source conflict with pool: 'images'" in error
    other = daemon.write(
        "pool.xml",
        "<pool type='dir'><name>images</name><uuid>6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11</uuid>"
        "<target><path>/x</path></target></pool>",
    )
    assert "pool 'images' already exists with uuid" in daemon.error("pool-define", other)
    assert "'logical'" in daemon.error("pool-define-as", "lv", "logical", "--target", "/x")


def test_raw_volumes(daemon: SessionDaemon, pool: Path) -> None:
    daemon.virsh("vol-create-as", "images", "disk.img", "8M", "--format", "raw", "--allocation", "1M")
    file = pool / "disk.img"
    assert file.stat().st_size == 8 << 20
    assert file.stat().st_blocks * 512 >= 1 << 20
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.search(rf"disk\.img +{file}", daemon.virsh("vol-list", "images").stdout)
    assert daemon.virsh("vol-path", "disk.img", "--pool", "images").stdout.strip() == str(file)
    assert daemon.virsh("vol-pool", str(file)).stdout.strip() == "images"
    assert re.search(r"Capacity: +8\.00 MiB", daemon.virsh("vol-info", str(file)).stdout)
    xml = daemon.virsh("vol-dumpxml", str(file)).stdout
    assert "<format type='raw'/>" in xml
    assert is_valid(xml, "storagevol")
    assert "exists already" in daemon.error("vol-create-as", "images", "disk.img", "1M")
    assert file.stat().st_size == 8 << 20
    daemon.virsh("vol-delete", str(file))
    assert not file.exists()
    assert "no storage vol with matching path" in daemon.error("vol-info", str(file))


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed (qemu-utils)")
def test_qcow2_volumes(daemon: SessionDaemon, pool: Path) -> None:
    daemon.virsh("vol-create-as", "images", "disk.qcow2", "1G", "--format", "qcow2")
    assert (pool / "disk.qcow2").stat().st_size < 1 << 20
    xml = daemon.virsh("vol-dumpxml", "disk.qcow2", "--pool", "images").stdout
    assert "<format type='qcow2'/>" in xml
    assert "<capacity unit='bytes'>1073741824</capacity>" in xml


@pytest.mark.parametrize(
    "kind",
    [
        "raw",
        pytest.param(
            "qcow2", marks=pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing")
        ),
    ],
)
def test_volumes_change_their_size(daemon: SessionDaemon, pool: Path, kind: str) -> None:
    daemon.virsh("vol-create-as", "images", "disk", "4M", "--format", kind)
    path = str(pool / "disk")

    def capacity() -> int:
        found = re.search("<capacity unit='bytes'>([0-9]+)<", daemon.virsh("vol-dumpxml", path).stdout)
        assert found is not None
        return int(found[1]) >> 20

    daemon.virsh("vol-resize", path, "8M")
    assert capacity() == 8
    daemon.virsh("vol-resize", path, "1M", "--delta")
    assert capacity() == 9
    assert "shrink" in daemon.error("vol-resize", path, "2M")
    assert capacity() == 9
    daemon.virsh("vol-resize", path, "2M", "--shrink")
    assert capacity() == 2
    assert "no capacity" in daemon.error("vol-resize", path, "2M", "--delta", "--shrink")
    assert "Physical" in daemon.virsh("vol-info", path, "--physical").stdout


@pytest.mark.parametrize("name", ["..", "../out", "a/b"])
def test_volumes_are_in_their_pool(daemon: SessionDaemon, pool: Path, name: str) -> None:
    text = f"<volume><name>{name}</name><capacity>512</capacity></volume>"
    error = daemon.error("vol-create", "images", daemon.write("volume.xml", text))
    assert "name" in error
    assert list(pool.iterdir()) == []
    assert not (daemon.directory / "out").exists()


def test_only_files_are_volumes(daemon: SessionDaemon, pool: Path) -> None:
    (pool / "directory").mkdir()
    (pool / ".hidden").touch()
    (pool / "dangling").symlink_to(pool / "nothing")
    (pool / "image").write_bytes(bytes(512))
    assert daemon.virsh("vol-list", "images").stdout.split() == ["image", str(pool / "image")]
    assert "no storage vol with matching path" in daemon.error("vol-info", str(pool / "directory"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<volume><name>x</name><capacity unit='X'>1</capacity></volume>", "unknown suffix 'X'"),
        ("<volume><name>x</name><capacity unit='E'>9</capacity></volume>", "capacity too large"),
        ("<volume><name>x</name></volume>", "missing element 'capacity'"),
        (
            "<volume><name>x</name><capacity>1</capacity><target><format type='vmdk'/></target></volume>",
            "'raw' or 'qcow2'",
        ),
    ],
)
def test_bad_volumes(daemon: SessionDaemon, pool: Path, text: str, message: str) -> None:
    assert message in daemon.error("vol-create", "images", daemon.write("volume.xml", text))
    assert list(pool.iterdir()) == []
