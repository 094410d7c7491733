"""What query-block says of any disk (qapi/block-core.json, BlockInfo)."""

from __future__ import annotations


def block_info(name: str, inserted: dict[str, object]) -> dict[str, object]:
    """`inserted` is its BlockDeviceInfo."""
    return {
        "device": name,
        "qdev": name,
        "type": "unknown",
        "removable": False,
        "locked": False,
        "inserted": inserted,
    }
