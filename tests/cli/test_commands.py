"""The commands against libvirt's test driver, and the parts that they are made of."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.main import get_command

from kvmctl.cli import config
from kvmctl.cli.bootfile import is_disk
from kvmctl.cli.errors import Failure, Status
from kvmctl.cli.guestxml import disk_name, parse_disk, parse_net
from kvmctl.cli.listing import Row, print_table
from kvmctl.cli.logs import log_file, tail
from kvmctl.cli.main import app
from kvmctl.cli.run import guest_name
from kvmctl.cli.sizes import human_time, parse_size, short_size
from kvmctl.domain import examine

from . import snapshots
from .conftest import KVMCTL, Cli, InProcess, plain_environment

ROOT = Path(__file__).parents[2]


def test_help(test_driver: Cli) -> None:
    snapshots.check("help", test_driver.ok("--help"))


@pytest.mark.parametrize("command", ["run", "top", "list", "set", "attach"])
def test_help_of_a_command(test_driver: Cli, command: str) -> None:
    snapshots.check(f"help-{command}", test_driver.ok(command, "--help"))


def commands() -> list[tuple[str, ...]]:
    """Every command with its words."""
    found: list[tuple[str, ...]] = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, each) for each in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_teaches_and_is_in_the_manual(words: tuple[str, ...]) -> None:
    command = get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    assert f"kvmctl {' '.join(words)}" in (command.help or ""), "no example"
    first = (command.help or "").partition("\n")[0]
    assert len(first) < 66, "the list of commands has room for one line"
    manual = (ROOT / "man" / "kvmctl.1").read_text()
    assert re.search(rf"^\.It Ic {' '.join(words)}( |$)", manual, re.MULTILINE), "not in kvmctl(1)"
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert f"Fl {option[1:]}" in manual, option


def test_info(test_driver: Cli) -> None:
    text = re.sub(r"(?m)^(CPU time: +).*", r"\1…", test_driver.ok("info", "test"))
    snapshots.check("info", text)


def test_global_json_and_quiet(test_driver: Cli) -> None:
    assert json.loads(test_driver.ok("--json", "list")) == json.loads(test_driver.ok("list", "--json"))
    done = test_driver("-q", "suspend", "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_long_name_gives_way_to_the_other_columns(capsys: pytest.CaptureFixture[str]) -> None:
    row = Row(7, "a-name-" + "longer-" * 20, "0" * 36, "running", 2, 2 << 20, True)
    with patch("kvmctl.cli.listing.stdout", lambda: Console(width=60)):
        print_table([row])
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["Id", "Name", "State", "vCPUs", "Memory"]
    assert line.split() == ["7", line.split()[1], "running", "2", "2", "GiB"]
    assert line.split()[1].endswith("…")
    assert len(line.rstrip()) <= 60


def test_names_only(test_driver: Cli) -> None:
    assert test_driver.ok("list", "--names") == "test\n"
    assert test_driver.ok("list", "--inactive", "--names") == ""


@pytest.mark.parametrize("variable", ["NO_COLOR", "--no-color"])
def test_no_colours(variable: str) -> None:
    environment = plain_environment() | {"FORCE_COLOR": "1", "TERM": "xterm"}
    del environment["NO_COLOR"]
    cli = InProcess(environment, "test:///default")
    assert "\x1b[3" in cli.ok("list")
    if variable == "NO_COLOR":
        cli = InProcess(environment | {"NO_COLOR": "1"}, "test:///default")
        assert "\x1b[3" not in cli.ok("list")
    else:
        assert "\x1b[3" not in cli.ok("--no-color", "list")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("set", "memory", "test", "1G"),
            "test gets 1 GiB of memory now and from the next start on.\n",
        ),
        (("set", "memory", "test", "512", "--live"), "test gets 512 MiB of memory now.\n"),
        (
            ("set", "memory", "test", "3G", "--config"),
            "test gets 3 GiB of memory from the next start on.\n",
        ),
        (("set", "vcpus", "test", "2"), "test gets 2 virtual CPUs now and from the next start on.\n"),
        (("autostart", "test"), "test starts by itself after a boot.\n"),
        (("autostart", "test", "--off"), "test is no longer started by itself.\n"),
        (("shutdown", "test", "--wait", "5"), "test has shut down.\n"),
        (("suspend", "test"), "Suspended test. `kvmctl resume test` lets it go on.\n"),
        (("destroy", "test"), "Ended test.\n"),
    ],
)
def test_what_is_done_is_said(test_driver: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = test_driver(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("set", "memory", "test", "many"), 2, "error: 'many' is not a size\n"),
        (("set", "memory", "test", "1T", "--live"), 1, "error: "),
        (("detach", "disk", "test", "vdz"), 1, "error: test has no disk 'vdz'\n`kvmctl info test` shows"),
        (("detach", "nic", "test", "00:00:00:00:00:01"), 1, "error: test has no network card '00:"),
        (
            ("attach", "disk", "test", "/nope.img"),
            1,
            "error: the disk /nope.img does not exist\n`truncate",
        ),
        (("attach", "nic", "test", "nonsense"), 2, "error: 'nonsense' is not a network\nWrite bridge=NAME"),
        (
            ("attach", "nic", "test", "bridge=br0"),
            6,
            "error: this function is not supported by",
        ),
        (("resume", "test"), 1, "error: "),
        (
            ("logs", "test"),
            1,
            "error: this connection's driver keeps no log on this host",
        ),
        (("logs", "test", "--console"), 1, "error: the console of test is not logged\nAdd <log file="),
        (
            ("rename", "test", "other"),
            5,
            "error: test is running, and keeps its name until it ends\n`kvmctl shut",
        ),
        (("run", "/nope"), 1, "error: cannot read /nope: No such file or directory\n`ls /boot` shows"),
    ],
)
def test_failures(test_driver: Cli, arguments: tuple[str, ...], status: int, error: str) -> None:
    done = test_driver(*arguments)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith(error)
    assert len(done.stderr.splitlines()) <= 2


def test_events(test_driver: Cli) -> None:
    done = test_driver("events", "--timeout", "0.3")
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == "Watching all domains. Ctrl-C ends.\n"


def test_edit(test_driver: Cli, tmp_path: Path) -> None:
    def edit(script: str) -> subprocess.CompletedProcess[str]:
        editor = tmp_path / "editor"
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o755)
        return InProcess(test_driver.environment | {"EDITOR": str(editor)}, test_driver.uri)("edit", "test")

    assert edit("true").stderr == "Nothing changed; test stays as it was.\n"
    changed = edit("sed -i 's|</name>|</name><title>new</title>|' $1")
    assert changed.stderr == "Changed test. The running guest keeps what it has.\n"
    bad = edit("echo nonsense > $1")
    assert bad.returncode == 1
    assert bad.stderr.endswith("error: the change was not accepted\ntest stays as it was.\n")
    broken = edit("exit 3")
    assert "ended with status 3; nothing was changed" in broken.stderr


def test_validate(test_driver: Cli, tmp_path: Path) -> None:
    good = tmp_path / "good.xml"
    good.write_text(test_driver.ok("run", str(flat(tmp_path)), "--print-xml"))
    done = test_driver("validate", str(good))
    assert (done.returncode, done.stderr) == (0, f"{good} is good. `kvmctl define {good}` defines it.\n")
    bad = tmp_path / "bad.xml"
    bad.write_text(good.read_text().replace("<vcpu>1", "<frobnicate/>\n<vcpu>none"))
    done = test_driver("validate", str(bad))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split(":")[:2] for line in lines] == [[str(bad), "5"], [str(bad), "6"]]
    document = json.loads(test_driver("validate", str(bad), "--json").stdout)
    assert document["valid"] is False
    assert {"kind", "message", "line", "path"} <= document["findings"][0].keys()


def test_validate_names_files_that_are_missing(test_driver: Cli, tmp_path: Path) -> None:
    path = tmp_path / "guest.xml"
    text = test_driver.ok("run", str(flat(tmp_path)), "--print-xml")
    disk = "<devices>\n<disk type='file'><source file='/nowhere/disk'/><target dev='vda'/></disk>"
    path.write_text(text.replace("<devices>", disk))
    done = test_driver("validate", str(path))
    assert done.returncode == 0
    assert "disk '/nowhere/disk' is not on this host (/domain/devices/disk)" in done.stdout
    assert "is good, but it cannot start without these files" in done.stderr
    document = json.loads(test_driver("validate", str(path), "--json").stdout)
    assert document["valid"] is True
    assert [finding["kind"] for finding in document["findings"]] == ["system_error"]


def flat(directory: Path) -> Path:
    """Something with the magic number of a program."""
    path = directory / "kernel"
    path.write_bytes(b"\x7fELF" + bytes(100))
    return path


def test_run_prints_a_good_domain(test_driver: Cli, tmp_path: Path) -> None:
    disk = tmp_path / "root.img"
    disk.write_bytes(bytes(1024))
    net = "tap=tap9,mac=52:54:00:00:00:01"
    arguments = ("--disk", f"{disk},readonly", "--net", net, "-m", "1.5G", "--cpus", "3")
    text = test_driver.ok("run", str(flat(tmp_path)), *arguments, "--name", "it", "--print-xml")
    assert examine(text) == []
    domain = ElementTree.fromstring(text)
    assert domain.findtext("name") == "it"
    assert domain.findtext("memory") == str(3 << 19)
    assert domain.findtext("vcpu") == "3"
    assert domain.findtext("os/cmdline") == "console=ttyS0 root=/dev/vda rw"
    assert domain.find("devices/disk/readonly") is not None
    assert domain.find("devices/interface/mac").get("address") == "52:54:00:00:00:01"  # type: ignore[union-attr]


def test_run_starts_a_transient_domain(tmp_path: Path) -> None:
    # The test driver's domains live as long as the process.
    test_driver = Cli(plain_environment(), "test:///default")
    done = test_driver("run", str(flat(tmp_path)), "--detach")
    assert (done.returncode, done.stderr) == (0, "Started kernel. `kvmctl console kernel` shows it.\n")
    taken = test_driver("run", str(flat(tmp_path)), "--detach", "--name", "test")
    assert taken.stderr.startswith("error: there is a domain 'test' already\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(0x8001) + b"CD001", "is an ISO 9660 image without a boot sector"),
        (bytes(0x438) + b"\x53\xef", "is a file system image without a boot sector"),
        (b"#!/bin/sh\n", "is neither a Linux kernel, nor an ELF program"),
        (b"", "is neither a Linux kernel, nor an ELF program"),
    ],
)
def test_what_cannot_be_run(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Failure, match=message) as caught:
        is_disk(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"\x7fELF", bytes(510) + b"\x55\xaa\0\0HdrS", b"\x1f\x8b\x08", b"\xfd7zXZ\0"]
)
def test_what_is_a_kernel(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert not is_disk(path)


@pytest.mark.parametrize("content", [b"QFI\xfb" + bytes(600), bytes(510) + b"\x55\xaa"])
def test_what_is_a_disk(test_driver: Cli, tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(content)
    assert is_disk(image)
    text = test_driver.ok("run", str(image), "--print-xml")
    assert examine(text) == []
    domain = ElementTree.fromstring(text)
    assert domain.find("os/kernel") is None
    assert domain.find("os/cmdline") is None
    (disk,) = domain.findall("devices/disk")
    assert disk.find(f"source[@file='{image}']") is not None
    assert disk.find("driver").get("type") == ("qcow2" if content[0] else "raw")  # type: ignore[union-attr]
    done = test_driver("run", str(image), "--cmdline", "quiet", "--print-xml")
    assert done.returncode == 2
    assert "a disk has its own" in done.stderr


def test_names_of_guests() -> None:
    assert guest_name(Path("/boot/vmlinuz-6.1.0-32-amd64"), set()) == "vmlinuz-6.1.0-32-amd64"
    assert guest_name(Path("/x/bzImage"), {"bzImage", "bzImage-2"}) == "bzImage-3"
    assert guest_name(Path("/x/a b!.elf"), set()) == "a-b"


@given(st.integers(1, 1 << 40))
def test_sizes_read_as_they_were_written(size: int) -> None:
    assert parse_size(f"{size}K") == size << 10
    assert parse_size(f"{size}") == size << 20
    assert parse_size(f"{size} MiB".replace(" ", "")) == size << 20
    assert len(short_size(size)) <= 5


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5.2G", "G", "1X", "\uff11G", "9" * 30])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_size(text)
    assert caught.value.status is Status.USAGE


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "0s"), (61, "1m01s"), (7260, "2h01m"), (90000, "1d01h"), (86400 * 400, "400d00h")],
)
def test_times(seconds: float, text: str) -> None:
    assert human_time(seconds) == text


def test_names_of_disks() -> None:
    names = [disk_name(number) for number in (0, 25, 26, 27, 701, 702)]
    assert names == ["vda", "vdz", "vdaa", "vdab", "vdzz", "vdaaa"]


def test_disks_and_networks(tmp_path: Path) -> None:
    image = tmp_path / "x.qcow2"
    image.write_bytes(b"QFI\xfb" + bytes(60))
    assert parse_disk(str(image)).format == "qcow2"
    assert parse_disk(f"{image},format=raw,serial=abc").serial == "abc"
    with pytest.raises(Failure, match="--disk does not know 'cache'"):
        parse_disk(f"{image},cache=none")
    with pytest.raises(Failure, match="is a directory"):
        parse_disk(str(tmp_path))
    assert parse_net("user").kind == "user"
    assert parse_net("tap").name is None
    for text in ("bridge", "user=x", "bridge=", "wifi=x", ""):
        with pytest.raises(Failure, match="is not a network"):
            parse_net(text)


def test_where_logs_are() -> None:
    environment = {"HOME": "/home/ann"}
    assert log_file("kvmctl:///system", "web") == Path("/var/log/libvirt/kvmctl/web.log")
    assert log_file("qemu:///system", "web") == Path("/var/log/libvirt/qemu/web.log")
    session = log_file("kvmctl+unix:///session?socket=/x", "web", environment)
    assert session == Path("/home/ann/.cache/libvirt/kvmctl/log/web.log")
    assert log_file("qemu+ssh://far/system", "web") is None
    assert log_file("test:///default", "web") is None


@given(st.lists(st.text(st.characters(codec="ascii", categories=("L",))), max_size=30), st.integers(1, 40))
def test_the_end_of_a_file(tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert tail(path, count) == lines[-count:]


def test_configuration(tmp_path: Path) -> None:
    system, user = tmp_path / "system.conf", tmp_path / "user.conf"
    assert config.load((system, user)) == config.Config()
    system.write_text('uri = "qemu:///system"\n[top]\ninterval = 2\n')
    user.write_text('[top]\ninterval = 0.5\nsort = "mem"\n[run]\nmemory = "1G"\ncpus = 2\n')
    found = config.load((system, user))
    assert (found.uri, found.top_interval, found.top_sort) == ("qemu:///system", 0.5, "mem")
    assert (found.run_memory, found.run_cpus) == ("1G", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uri = 1", "'uri' must be a str"),
        ("color = 1", "'color' must be a bool"),
        ("[run]\ncpus = true", "'run.cpus' must be a int"),
        ("[top]\ncolumns = 1", "unknown key 'top.columns'"),
        ("uri =", "not TOML"),
    ],
)
def test_a_wrong_configuration_names_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "kvmctl.conf"
    path.write_text(text)
    with pytest.raises(Failure, match=re.escape(message)) as caught:
        config.load((path,))
    assert str(path) in str(caught.value)
    assert caught.value.status is Status.USAGE


def test_every_key_is_in_the_manual() -> None:
    manual = (ROOT / "man" / "kvmctl.1").read_text()
    for field in fields(config.Config):
        assert f".It Ic {field.name.replace('_', '.', 1)}" in manual


def test_the_configuration_names_the_connection(tmp_path: Path) -> None:
    directory = tmp_path / "kvmctl"
    directory.mkdir()
    (directory / "kvmctl.conf").write_text('uri = "test:///default"\n')
    environment = plain_environment() | {"XDG_CONFIG_HOME": str(tmp_path)}
    assert Cli(environment).ok("list", "--names") == "test\n"
    (directory / "kvmctl.conf").write_text('url = "test:///default"\n')
    done = Cli(environment)("list")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {directory / 'kvmctl.conf'}: unknown key 'url'\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = subprocess.run([KVMCTL, "completion", shell], capture_output=True, text=True, check=True)
    assert "_KVMCTL_COMPLETE=complete_" + shell in done.stdout


def test_bash_takes_the_completion_script() -> None:
    script = f'PATH="{KVMCTL.parent}:$PATH"; source <(kvmctl completion bash); complete -p kvmctl'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "-F _kvmctl_completion kvmctl" in done.stdout
