"""The host's firmware tables as Linux shows them (Documentation/ABI/testing/sysfs-class-dmi:
/sys/class/dmi/id)."""

from pathlib import Path

_DIRECTORY = Path("/sys/class/dmi/id")

_FIELDS = {
    "bios": {
        "vendor": "bios_vendor",
        "version": "bios_version",
        "date": "bios_date",
        "release": "bios_release",
    },
    "system": {
        "manufacturer": "sys_vendor",
        "product": "product_name",
        "version": "product_version",
        "serial": "product_serial",
        "uuid": "product_uuid",
        "sku": "product_sku",
        "family": "product_family",
    },
    "baseBoard": {
        "manufacturer": "board_vendor",
        "product": "board_name",
        "version": "board_version",
        "serial": "board_serial",
        "asset": "board_asset_tag",
    },
    "chassis": {
        "manufacturer": "chassis_vendor",
        "version": "chassis_version",
        "serial": "chassis_serial",
        "asset": "chassis_asset_tag",
    },
}


def read() -> dict[str, dict[str, str]]:
    """The tables' entries by block; blocks and entries that the host hides are left out."""
    found: dict[str, dict[str, str]] = {}
    for block, fields in _FIELDS.items():
        for name, file in fields.items():
            value = _value(file)
            if value:
                found.setdefault(block, {})[name] = value
    return found


def _value(file: str) -> str:
    try:
        return (_DIRECTORY / file).read_text(errors="replace").strip()
    except OSError:
        return ""
