"""Values that only network XML has."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from kvmctl.domain.codecs import IP_ADDRESS, Text, Unsigned

Address = IPv4Address | IPv6Address


ADDRESS: Final = IP_ADDRESS
PREFIX: Final = Unsigned(128)
PORT: Final = Unsigned(65535, 1)
NUMBER16: Final = Unsigned(65535)
DNS_NAME: Final = Text(
    "a name of the DNS", re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.\-]{0,252}[A-Za-z0-9_])?\.?")
)
DNS_WORD: Final = Text("letters, digits, '-' and '_'", re.compile(r"[A-Za-z0-9_\-]{1,63}"))
DNS_TEXT: Final = Text("one line of text", re.compile(r"[^\x00-\x1f]*"))
SERVER: Final = Text("a server's name or address", re.compile(r"[A-Za-z0-9_.\-:]{1,253}"))
NETWORK_NAME: Final = Text("a name without '/'", re.compile(r"[^\n/]+"))
CLIENT_ID: Final = Text("a DHCP client's identifier", re.compile(r"[A-Za-z0-9:.\-_]{1,255}"))
PLAIN_PATH: Final = Text("an absolute path", re.compile(r"/[^\x00-\x1f,]*"))
BOOT_FILE: Final = Text("a file's name", re.compile(r"[^\x00-\x20,]+"))
