"""KVM's binary statistics: read from their self-describing descriptor, and told by QMP's query-stats."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qemu.qmp import ExecuteError

from kvmctl.vmm import statistics
from kvmctl.vmm.kvm.stats import Statistics
from kvmctl.vmm.qmp import QmpError
from tests.vmm.conftest import GuestBuilder, RunningVmm, VmmStarter

NAME_SIZE = 16
LINEAR, BOOLEAN, SECONDS = 3, 4 << 4, 2 << 4


def described(*records: tuple[str, int, int, int, int], values: tuple[int, ...]) -> Statistics:
    """A descriptor as KVM lays it out, of records (name, flags, exponent, size, bucket_size)."""
    text, offset = b"", 0
    for name, flags, exponent, size, bucket in records:
        text += struct.pack("=IhHII16s", flags, exponent, size, offset, bucket, name.encode())
        offset += 8 * size
    header = struct.pack("=6I", 0, NAME_SIZE, len(records), 24, 24 + NAME_SIZE, 24 + NAME_SIZE + len(text))
    fd = os.memfd_create("stats")
    os.write(fd, header + b"kvm-1".ljust(NAME_SIZE, b"\0") + text + struct.pack(f"={len(values)}Q", *values))
    return Statistics(fd)


def test_what_kvm_describes() -> None:
    source = described(
        ("exits", 0, 0, 1, 0),
        ("guest_mode", BOOLEAN | 1, 0, 1, 0),
        ("wait_ns", SECONDS, -9, 1, 0),
        ("lengths", LINEAR, 0, 3, 50),
        ("future", 9, 0, 1, 0),
        values=(7, 1, 2_000, 4, 5, 6, 99),
    )
    answers = statistics.commands(None, {"/machine/cpu[0]": source})
    query, schemas = answers["query-stats"].handler, answers["query-stats-schemas"].handler
    assert query({"target": "vcpu"}) == [
        {
            "provider": "kvm",
            "qom-path": "/machine/cpu[0]",
            "stats": [
                {"name": "exits", "value": 7},
                {"name": "guest_mode", "value": True},
                {"name": "wait_ns", "value": 2_000},
                {"name": "lengths", "value": [4, 5, 6]},
            ],
        }
    ]
    assert schemas({}) == [
        {
            "provider": "kvm",
            "target": "vcpu",
            "stats": [
                {"name": "exits", "type": "cumulative", "exponent": 0},
                {"name": "guest_mode", "type": "instant", "exponent": 0, "unit": "boolean"},
                {"name": "wait_ns", "type": "cumulative", "exponent": -9, "base": 10, "unit": "seconds"},
                {"name": "lengths", "type": "linear-histogram", "exponent": 0, "bucket-size": 50},
            ],
        }
    ]
    assert query({"target": "vm"}) == []


def test_a_kernel_without_them() -> None:
    with Path(os.devnull).open() as no_vcpu:
        assert Statistics.of(no_vcpu.fileno()) is None
    answers = statistics.commands(None, {})
    assert answers["query-stats"].handler({"target": "vcpu"}) == []
    assert answers["query-stats-schemas"].handler({}) == []


@given(st.dictionaries(st.sampled_from(["target", "vcpus", "providers"]), st.from_type(type) | st.none()))
def test_wrong_arguments_are_refused(arguments: dict[str, object]) -> None:
    source = described(("exits", 0, 0, 1, 0), values=(7,))
    handler = statistics.commands(source, {})["query-stats"].handler
    with pytest.raises(QmpError):
        handler(arguments)


@pytest.fixture
def vmm(assemble: GuestBuilder, start_vmm: VmmStarter) -> RunningVmm:
    """Two vCPUs, of which the first writes to a port for ever."""
    return start_vmm(assemble("1: outb %al, $0x80\n jmp 1b", ring=3), vcpus=2)


@pytest.mark.kvm
def test_a_guests_exits_by_kind(vmm: RunningVmm) -> None:
    async def conversation(client: Any) -> None:
        async def figures(**more: object) -> list[dict[str, int]]:
            answer = await client.execute("query-stats", {"target": "vcpu", **more})
            assert [entry["provider"] for entry in answer] == ["kvm"] * len(answer)
            return [{each["name"]: each["value"] for each in entry["stats"]} for entry in answer]

        before, _ = await figures()
        if "exits" not in before:
            pytest.skip("this kernel keeps no statistics")
        while (await figures())[0]["exits"] == before["exits"]:
            pass
        named = await figures(providers=[{"provider": "kvm", "names": ["io_exits", "halt_exits"]}])
        assert [set(each) for each in named] == [{"io_exits", "halt_exits"}] * 2
        assert len(await figures(vcpus=["/machine/cpu[1]"])) == 1
        assert await figures(providers=[]) == []
        (machine,) = await client.execute("query-stats", {"target": "vm"})
        assert "qom-path" not in machine
        schemas = await client.execute("query-stats-schemas", {"provider": "kvm"})
        assert [schema["target"] for schema in schemas] == ["vm", "vcpu"]
        assert {each["name"] for each in schemas[1]["stats"]} == set(before)
        for wrong in ({}, {"target": "cryptodev"}, {"target": 7}, {"target": "vm", "vcpus": []}):
            with pytest.raises(ExecuteError):
                await client.execute("query-stats", wrong)

    vmm.talk(conversation)
