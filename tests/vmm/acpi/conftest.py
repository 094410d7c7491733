"""The Linux test guest."""

from tests.guests.linux.fixture import linux_guest

__all__ = ["linux_guest"]
