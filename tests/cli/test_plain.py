"""Commands against libvirt's test driver: what they print and how they fail."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from kvmctl import __version__
from kvmctl.cli.sizes import human_size

from .conftest import KVMCTL, Cli, plain_environment

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"


def test_list(test_driver: Cli) -> None:
    assert test_driver.ok("list") == (
        "Id   Name   State     vCPUs   Memory\n1    test   running       2    2 GiB\n"
    )


def test_list_json(test_driver: Cli) -> None:
    assert json.loads(test_driver.ok("list", "--all", "--json")) == [
        {
            "id": 1,
            "name": "test",
            "uuid": UUID,
            "state": "running",
            "vcpus": 2,
            "memory_kib": 2 * 1024 * 1024,
            "persistent": True,
        }
    ]


@pytest.mark.parametrize("name", ["test", "1", UUID, UUID.replace("-", "").upper()])
def test_info_by_name_id_and_uuid(test_driver: Cli, name: str) -> None:
    facts = json.loads(test_driver.ok("info", name, "--json"))
    assert (facts["name"], facts["uuid"], facts["id"], facts["state"]) == ("test", UUID, 1, "running")
    assert facts["disks"] == [
        {
            "target": "vda",
            "bus": "virtio",
            "device": "disk",
            "source": "/guest/diskimage1",
            "readonly": False,
        }
    ]


def test_dumpxml_prints_only_xml(test_driver: Cli) -> None:
    live = test_driver.ok("dumpxml", "test")
    assert live.startswith("<domain type='test' id='1'>")
    assert test_driver.ok("dumpxml", "test", "--inactive").startswith("<domain type='test'>")


def test_create_from_standard_input(test_driver: Cli) -> None:
    xml = "<domain type='test'><name>new</name><memory>8192</memory><os><type>hvm</type></os></domain>"
    done = test_driver("create", "-", stdin=xml)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Started new.\n")


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("info", "nope"), 4, "error: there is no domain 'nope'\n`kvmctl list --all` shows the names.\n"),
        (("destroy", "99999999999999999999"), 4, "error: there is no domain '99999999999999999999'\n"),
        (("info", "tset"), 4, "error: there is no domain 'tset'\nDid you mean 'test'?\n"),
        (("start", "test"), 5, "error: test is already running\n`kvmctl console test` shows it.\n"),
        (("define", "/nope"), 1, "error: cannot read /nope: No such file or directory\n"),
        (("console", "test"), 6, "error: this function is not supported by the connection driver"),
    ],
)
def test_failures(test_driver: Cli, arguments: tuple[str, ...], status: int, error: str) -> None:
    done = test_driver(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(error)
    assert "Traceback" not in done.stderr


def test_malformed_xml_names_its_line(test_driver: Cli) -> None:
    done = test_driver("define", "-", stdin="<domain>\n<name>\n</domain>")
    assert done.returncode == 1
    assert re.match(r"error: .*:3: ", done.stderr)


def test_libvirt_itself_prints_nothing(test_driver: Cli) -> None:
    assert "libvirt:" not in test_driver("info", "nope").stderr


def test_debug_shows_the_traceback(test_driver: Cli) -> None:
    done = test_driver("--debug", "info", "nope")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("dumpxml", "test"), ("info", "test")])
def test_a_full_disk_is_one_line(test_driver: Cli, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            test_driver.command(*arguments),
            env=test_driver.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_unknown_uri_is_no_connection() -> None:
    done = Cli(plain_environment(), "bogus:///x")("list")
    assert done.returncode == 3
    assert done.stderr.startswith("error: cannot connect to bogus:///x: ")


def test_uri_from_the_environment() -> None:
    cli = Cli(plain_environment() | {"LIBVIRT_DEFAULT_URI": "test:///default"})
    assert "test" in cli.ok("list")


def test_wrong_command_line(test_driver: Cli) -> None:
    done = test_driver("strat", "test")
    assert done.returncode == 2
    assert "Did you mean 'start'?" in done.stderr


def test_version(test_driver: Cli) -> None:
    assert test_driver.ok("--version") == f"kvmctl {__version__}\n"


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("define", "kvmctl define guest.xml"),
        ("start", "kvmctl start demo --console"),
        ("console", "echo poweroff | kvmctl console demo"),
        ("list", "kvmctl list --all"),
        ("demo", "kvmctl demo"),
    ],
)
def test_help_teaches_with_an_example(test_driver: Cli, command: str, example: str) -> None:
    assert example in test_driver.ok(command, "--help")


def complete(cli: Cli, *words: str) -> list[str]:
    """What bash would be offered for the last word."""
    environment = cli.environment | {
        "_KVMCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["kvmctl", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([KVMCTL], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_completion_of_commands_and_names(test_driver: Cli) -> None:
    assert {"define", "destroy", "demo", "dumpxml"} <= set(complete(test_driver, "d"))
    assert complete(test_driver, "-c", "test:///default", "info", "te") == ["test"]
    assert complete(test_driver, "-c", "test:///default", "start", "") == []


def test_completion_starts_no_daemon(session: Cli) -> None:
    assert complete(session, "-c", "kvmctl:///session", "info", "") == []
    assert not list(_runtime(session).rglob("*"))


def _runtime(cli: Cli) -> Path:
    return Path(cli.environment["XDG_RUNTIME_DIR"])


@pytest.mark.parametrize(
    ("kib", "text"), [(512, "512 KiB"), (1536, "1.5 MiB"), (1 << 20, "1 GiB"), (5 << 19, "2.5 GiB")]
)
def test_human_size(kib: int, text: str) -> None:
    assert human_size(kib) == text
