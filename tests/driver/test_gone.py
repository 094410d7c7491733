"""Calls that have waited for a domain that was undefined meanwhile: it does not come back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from kvmctl.driver.constants import CreateFlags, ShutoffReason
from kvmctl.driver.driver import Driver
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import Connection, ErrorCode, VirError
from tests.driver.guests import fake_xml


@pytest.fixture
def paths() -> Iterator[Paths]:
    with tempfile.TemporaryDirectory(prefix="kvmctl-test-") as name:
        found = Paths.for_session({"HOME": name, "XDG_RUNTIME_DIR": name})
        found.create()
        yield found


def test_a_change_after_undefine(paths: Paths) -> None:
    async def run() -> ErrorCode:
        driver = Driver(paths)
        domain = await driver.definitions.define(fake_xml("guest"))
        async with domain.job():
            undefined = asyncio.create_task(driver.definitions.undefine(domain))
            await asyncio.sleep(0)
            changed = asyncio.create_task(
                driver.definitions.reconfigure(domain, 0, lambda old: replace(old, title="late"))
            )
            renamed = asyncio.create_task(driver.definitions.rename(domain, "other"))
            await asyncio.sleep(0)
        await undefined
        with pytest.raises(VirError):
            await renamed
        with pytest.raises(VirError) as error:
            await changed
        return error.value.code

    assert asyncio.run(run()) is ErrorCode.NO_DOMAIN
    assert not list(Path(paths.definitions).glob("*.xml"))


def test_names_after_rename(paths: Paths) -> None:
    """The old name is free at once, the new one taken, on disk and in memory."""

    async def run() -> None:
        driver = Driver(paths)
        first = await driver.definitions.define(fake_xml("guest"))
        driver.store.set_autostart("guest", True)
        await driver.definitions.rename(first, "other")
        assert driver.inventory.by_name("other") is first
        assert driver.store.autostart("other")
        assert not driver.store.autostart("guest")
        second = await driver.definitions.define(fake_xml("guest"))
        assert second is not first
        with pytest.raises(VirError, match="already exists"):
            await driver.definitions.rename(second, "other")

    asyncio.run(run())
    assert sorted(path.name for path in paths.definitions.glob("*.xml")) == ["guest.xml", "other.xml"]


@pytest.mark.parametrize("written", [True, False], ids=["after the new file", "before it"])
def test_a_rename_that_was_cut_off(paths: Paths, written: bool) -> None:
    async def run() -> list[str]:
        driver = Driver(paths)
        await driver.definitions.define(fake_xml("old"))
        (paths.definitions / ".renaming").write_text("old\nnew\n")
        driver.store.set_autostart("new", True)
        if written:
            text = (paths.definitions / "old.xml").read_text()
            (paths.definitions / "new.xml").write_text(text.replace("<name>old", "<name>new"))
        next_one = Driver(paths)
        next_one.store.clean_up()
        next_one.reload()
        return [domain.name for domain in next_one.inventory]

    expected = "new" if written else "old"
    assert asyncio.run(run()) == [expected]
    assert [path.name for path in paths.definitions.glob("*.xml")] == [f"{expected}.xml"]
    assert paths.autostart_link("new").is_symlink() == written
    assert not (paths.definitions / ".renaming").exists()


class _GoneClient:
    gone = True


@pytest.mark.kvm
def test_autodestroy_by_a_client_that_left_while_it_waited(paths: Paths) -> None:
    async def run() -> None:
        driver = Driver(paths)
        driver.launcher.start()
        domain = await driver.definitions.define(fake_xml("guest"))
        owner = cast(Connection, _GoneClient())
        await driver.starter.start(domain, CreateFlags.AUTODESTROY, owner)
        process = domain.require_run().process
        assert await process.wait(20)
        while domain.active:
            await asyncio.sleep(0.02)
        assert domain.reason is ShutoffReason.DESTROYED
        await driver.stop()

    asyncio.run(asyncio.wait_for(run(), 60))
