"""Errors as libvirt's clients know them (include/libvirt/virterror.h), and how they travel."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from kvmctl.driver.rpc.types.base import Int, String
from kvmctl.driver.rpc.types.objects import Domain, Network
from kvmctl.driver.rpc.xdr import encode, struct


class ErrorLevel(IntEnum):
    NONE = 0
    WARNING = 1
    ERROR = 2


class ErrorDomain(IntEnum):
    """The part that reports an error (virErrorDomain)."""

    NONE = 0
    XEN = 1
    XEND = 2
    XENSTORE = 3
    SEXPR = 4
    XML = 5
    DOM = 6
    RPC = 7
    PROXY = 8
    CONF = 9
    QEMU = 10
    NET = 11
    TEST = 12
    REMOTE = 13
    OPENVZ = 14
    XENXM = 15
    STATS_LINUX = 16
    LXC = 17
    STORAGE = 18
    NETWORK = 19
    DOMAIN = 20
    UML = 21
    NODEDEV = 22
    XEN_INOTIFY = 23
    SECURITY = 24
    VBOX = 25
    INTERFACE = 26
    ONE = 27
    ESX = 28
    PHYP = 29
    SECRET = 30
    CPU = 31
    XENAPI = 32
    NWFILTER = 33
    HOOK = 34
    DOMAIN_SNAPSHOT = 35
    AUDIT = 36
    SYSINFO = 37
    STREAMS = 38
    VMWARE = 39
    EVENT = 40
    LIBXL = 41
    LOCKING = 42
    HYPERV = 43
    CAPABILITIES = 44
    URI = 45
    AUTH = 46
    DBUS = 47
    PARALLELS = 48
    DEVICE = 49
    SSH = 50
    LOCKSPACE = 51
    INITCTL = 52
    IDENTITY = 53
    CGROUP = 54
    ACCESS = 55
    SYSTEMD = 56
    BHYVE = 57
    CRYPTO = 58
    FIREWALL = 59
    POLKIT = 60
    THREAD = 61
    ADMIN = 62
    LOGGING = 63
    XENXL = 64
    PERF = 65
    LIBSSH = 66
    RESCTRL = 67
    FIREWALLD = 68
    DOMAIN_CHECKPOINT = 69
    TPM = 70
    BPF = 71
    CH = 72


class ErrorCode(IntEnum):
    """What went wrong (virErrorNumber); WARN_ stands for libvirt's VIR_WAR_."""

    OK = 0
    INTERNAL_ERROR = 1
    NO_MEMORY = 2
    NO_SUPPORT = 3
    UNKNOWN_HOST = 4
    NO_CONNECT = 5
    INVALID_CONN = 6
    INVALID_DOMAIN = 7
    INVALID_ARG = 8
    OPERATION_FAILED = 9
    GET_FAILED = 10
    POST_FAILED = 11
    HTTP_ERROR = 12
    SEXPR_SERIAL = 13
    NO_XEN = 14
    XEN_CALL = 15
    OS_TYPE = 16
    NO_KERNEL = 17
    NO_ROOT = 18
    NO_SOURCE = 19
    NO_TARGET = 20
    NO_NAME = 21
    NO_OS = 22
    NO_DEVICE = 23
    NO_XENSTORE = 24
    DRIVER_FULL = 25
    CALL_FAILED = 26
    XML_ERROR = 27
    DOM_EXIST = 28
    OPERATION_DENIED = 29
    OPEN_FAILED = 30
    READ_FAILED = 31
    PARSE_FAILED = 32
    CONF_SYNTAX = 33
    WRITE_FAILED = 34
    XML_DETAIL = 35
    INVALID_NETWORK = 36
    NETWORK_EXIST = 37
    SYSTEM_ERROR = 38
    RPC = 39
    GNUTLS_ERROR = 40
    WARN_NO_NETWORK = 41
    NO_DOMAIN = 42
    NO_NETWORK = 43
    INVALID_MAC = 44
    AUTH_FAILED = 45
    INVALID_STORAGE_POOL = 46
    INVALID_STORAGE_VOL = 47
    WARN_NO_STORAGE = 48
    NO_STORAGE_POOL = 49
    NO_STORAGE_VOL = 50
    WARN_NO_NODE = 51
    INVALID_NODE_DEVICE = 52
    NO_NODE_DEVICE = 53
    NO_SECURITY_MODEL = 54
    OPERATION_INVALID = 55
    WARN_NO_INTERFACE = 56
    NO_INTERFACE = 57
    INVALID_INTERFACE = 58
    MULTIPLE_INTERFACES = 59
    WARN_NO_NWFILTER = 60
    INVALID_NWFILTER = 61
    NO_NWFILTER = 62
    BUILD_FIREWALL = 63
    WARN_NO_SECRET = 64
    INVALID_SECRET = 65
    NO_SECRET = 66
    CONFIG_UNSUPPORTED = 67
    OPERATION_TIMEOUT = 68
    MIGRATE_PERSIST_FAILED = 69
    HOOK_SCRIPT_FAILED = 70
    INVALID_DOMAIN_SNAPSHOT = 71
    NO_DOMAIN_SNAPSHOT = 72
    INVALID_STREAM = 73
    ARGUMENT_UNSUPPORTED = 74
    STORAGE_PROBE_FAILED = 75
    STORAGE_POOL_BUILT = 76
    SNAPSHOT_REVERT_RISKY = 77
    OPERATION_ABORTED = 78
    AUTH_CANCELLED = 79
    NO_DOMAIN_METADATA = 80
    MIGRATE_UNSAFE = 81
    OVERFLOW = 82
    BLOCK_COPY_ACTIVE = 83
    OPERATION_UNSUPPORTED = 84
    SSH = 85
    AGENT_UNRESPONSIVE = 86
    RESOURCE_BUSY = 87
    ACCESS_DENIED = 88
    DBUS_SERVICE = 89
    STORAGE_VOL_EXIST = 90
    CPU_INCOMPATIBLE = 91
    XML_INVALID_SCHEMA = 92
    MIGRATE_FINISH_OK = 93
    AUTH_UNAVAILABLE = 94
    NO_SERVER = 95
    NO_CLIENT = 96
    AGENT_UNSYNCED = 97
    LIBSSH = 98
    DEVICE_MISSING = 99
    INVALID_NWFILTER_BINDING = 100
    NO_NWFILTER_BINDING = 101
    INVALID_DOMAIN_CHECKPOINT = 102
    NO_DOMAIN_CHECKPOINT = 103
    NO_DOMAIN_BACKUP = 104
    INVALID_NETWORK_PORT = 105
    NETWORK_PORT_EXIST = 106
    NO_NETWORK_PORT = 107
    NO_HOSTNAME = 108
    CHECKPOINT_INCONSISTENT = 109
    MULTIPLE_DOMAINS = 110


# Clients, and scripts around them, look for libvirt's wording: a message is put together as libvirt does.
_WORDING: Final = {
    ErrorCode.INTERNAL_ERROR: "internal error: %s",
    ErrorCode.NO_MEMORY: "out of memory: %s",
    ErrorCode.NO_SUPPORT: "this function is not supported by the connection driver: %s",
    ErrorCode.UNKNOWN_HOST: "unknown host %s",
    ErrorCode.NO_CONNECT: "no connection driver available for %s",
    ErrorCode.INVALID_CONN: "invalid connection pointer in %s",
    ErrorCode.INVALID_DOMAIN: "invalid domain pointer in %s",
    ErrorCode.INVALID_ARG: "invalid argument: %s",
    ErrorCode.OPERATION_FAILED: "operation failed: %s",
    ErrorCode.GET_FAILED: "GET operation failed: %s",
    ErrorCode.POST_FAILED: "POST operation failed: %s",
    ErrorCode.HTTP_ERROR: "got unknown HTTP error code %s",
    ErrorCode.SEXPR_SERIAL: "failed to serialize S-Expr: %s",
    ErrorCode.NO_XEN: "could not use Xen hypervisor entry %s",
    ErrorCode.XEN_CALL: "failed Xen syscall %s",
    ErrorCode.OS_TYPE: "unknown OS type %s",
    ErrorCode.NO_KERNEL: "missing kernel information: %s",
    ErrorCode.NO_ROOT: "missing root device information in %s",
    ErrorCode.NO_SOURCE: "missing source information for device %s",
    ErrorCode.NO_TARGET: "missing target information for device %s",
    ErrorCode.NO_NAME: "missing name information in %s",
    ErrorCode.NO_OS: "missing operating system information for %s",
    ErrorCode.NO_DEVICE: "missing devices information for %s",
    ErrorCode.NO_XENSTORE: "could not connect to Xen Store %s",
    ErrorCode.DRIVER_FULL: "too many drivers registered in %s",
    ErrorCode.CALL_FAILED: "library call failed: %s",
    ErrorCode.XML_ERROR: "XML error: %s",
    ErrorCode.DOM_EXIST: "domain %s exists already",
    ErrorCode.OPERATION_DENIED: "operation forbidden: %s",
    ErrorCode.OPEN_FAILED: "failed to open configuration file %s",
    ErrorCode.READ_FAILED: "failed to read configuration file %s",
    ErrorCode.PARSE_FAILED: "failed to parse configuration file %s",
    ErrorCode.CONF_SYNTAX: "configuration file syntax error: %s",
    ErrorCode.WRITE_FAILED: "failed to write configuration file: %s",
    ErrorCode.INVALID_NETWORK: "invalid network pointer in %s",
    ErrorCode.NETWORK_EXIST: "network %s exists already",
    ErrorCode.WARN_NO_NETWORK: "Failed to find the network: %s",
    ErrorCode.NO_DOMAIN: "Domain not found: %s",
    ErrorCode.NO_NETWORK: "Network not found: %s",
    ErrorCode.INVALID_MAC: "invalid MAC address: %s",
    ErrorCode.AUTH_FAILED: "authentication failed: %s",
    ErrorCode.INVALID_STORAGE_POOL: "invalid storage pool pointer in %s",
    ErrorCode.INVALID_STORAGE_VOL: "invalid storage volume pointer in %s",
    ErrorCode.WARN_NO_STORAGE: "Failed to find a storage driver: %s",
    ErrorCode.NO_STORAGE_POOL: "Storage pool not found: %s",
    ErrorCode.NO_STORAGE_VOL: "Storage volume not found: %s",
    ErrorCode.WARN_NO_NODE: "Failed to find a node driver: %s",
    ErrorCode.INVALID_NODE_DEVICE: "invalid node device pointer in %s",
    ErrorCode.NO_NODE_DEVICE: "Node device not found: %s",
    ErrorCode.NO_SECURITY_MODEL: "Security model not found: %s",
    ErrorCode.OPERATION_INVALID: "Requested operation is not valid: %s",
    ErrorCode.WARN_NO_INTERFACE: "Failed to find the interface: %s",
    ErrorCode.NO_INTERFACE: "Interface not found: %s",
    ErrorCode.INVALID_INTERFACE: "invalid interface pointer in %s",
    ErrorCode.MULTIPLE_INTERFACES: "multiple matching interfaces found: %s",
    ErrorCode.WARN_NO_NWFILTER: "Failed to start the nwfilter driver: %s",
    ErrorCode.INVALID_NWFILTER: "Invalid network filter: %s",
    ErrorCode.NO_NWFILTER: "Network filter not found: %s",
    ErrorCode.BUILD_FIREWALL: "Error while building firewall: %s",
    ErrorCode.WARN_NO_SECRET: "Failed to find a secret storage driver: %s",
    ErrorCode.INVALID_SECRET: "Invalid secret: %s",
    ErrorCode.NO_SECRET: "Secret not found: %s",
    ErrorCode.CONFIG_UNSUPPORTED: "unsupported configuration: %s",
    ErrorCode.OPERATION_TIMEOUT: "Timed out during operation: %s",
    ErrorCode.MIGRATE_PERSIST_FAILED: "Failed to make domain persistent after migration: %s",
    ErrorCode.HOOK_SCRIPT_FAILED: "Hook script execution failed: %s",
    ErrorCode.INVALID_DOMAIN_SNAPSHOT: "Invalid domain snapshot: %s",
    ErrorCode.NO_DOMAIN_SNAPSHOT: "Domain snapshot not found: %s",
    ErrorCode.INVALID_STREAM: "invalid stream pointer in %s",
    ErrorCode.ARGUMENT_UNSUPPORTED: "argument unsupported: %s",
    ErrorCode.STORAGE_PROBE_FAILED: "Storage pool probe failed: %s",
    ErrorCode.STORAGE_POOL_BUILT: "Storage pool already built: %s",
    ErrorCode.SNAPSHOT_REVERT_RISKY: "revert requires force: %s",
    ErrorCode.OPERATION_ABORTED: "operation aborted: %s",
    ErrorCode.AUTH_CANCELLED: "authentication cancelled: %s",
    ErrorCode.NO_DOMAIN_METADATA: "metadata not found: %s",
    ErrorCode.MIGRATE_UNSAFE: "Unsafe migration: %s",
    ErrorCode.OVERFLOW: "numerical overflow: %s",
    ErrorCode.BLOCK_COPY_ACTIVE: "block copy still active: %s",
    ErrorCode.OPERATION_UNSUPPORTED: "Operation not supported: %s",
    ErrorCode.SSH: "SSH transport error: %s",
    ErrorCode.AGENT_UNRESPONSIVE: "Guest agent is not responding: %s",
    ErrorCode.RESOURCE_BUSY: "resource busy: %s",
    ErrorCode.ACCESS_DENIED: "access denied: %s",
    ErrorCode.DBUS_SERVICE: "error from service: %s",
    ErrorCode.STORAGE_VOL_EXIST: "storage volume %s exists already",
    ErrorCode.CPU_INCOMPATIBLE: "the CPU is incompatible with host CPU: %s",
    ErrorCode.XML_INVALID_SCHEMA: "XML document failed to validate against schema: %s",
    ErrorCode.MIGRATE_FINISH_OK: "migration successfully aborted: %s",
    ErrorCode.AUTH_UNAVAILABLE: "authentication unavailable: %s",
    ErrorCode.NO_SERVER: "Server not found: %s",
    ErrorCode.NO_CLIENT: "Client not found: %s",
    ErrorCode.AGENT_UNSYNCED: "guest agent replied with wrong id to guest-sync command: %s",
    ErrorCode.LIBSSH: "libssh transport error: %s",
    ErrorCode.DEVICE_MISSING: "device not found: %s",
    ErrorCode.INVALID_NWFILTER_BINDING: "Invalid network filter binding: %s",
    ErrorCode.NO_NWFILTER_BINDING: "Network filter binding not found: %s",
    ErrorCode.INVALID_DOMAIN_CHECKPOINT: "Invalid domain checkpoint: %s",
    ErrorCode.NO_DOMAIN_CHECKPOINT: "Domain checkpoint not found: %s",
    ErrorCode.NO_DOMAIN_BACKUP: "Domain backup job id not found: %s",
    ErrorCode.INVALID_NETWORK_PORT: "Invalid network port pointer: %s",
    ErrorCode.NETWORK_PORT_EXIST: "network port %s exists already",
    ErrorCode.NO_NETWORK_PORT: "network port not found: %s",
    ErrorCode.NO_HOSTNAME: "no hostname found: %s",
    ErrorCode.CHECKPOINT_INCONSISTENT: "checkpoint inconsistent: %s",
    ErrorCode.MULTIPLE_DOMAINS: "multiple matching domains found: %s",
}

_TEXT_MAX: Final = 65536


@struct
class ErrorMessage:
    """remote_error: the payload of a reply or stream packet whose status is ERROR."""

    code: Int
    domain: Int
    message: String | None
    level: Int
    dom: Domain | None
    str1: String | None
    str2: String | None
    str3: String | None
    int1: Int
    int2: Int
    net: Network | None


class VirError(Exception):
    """An error for the client. ``detail`` is the specific part; ``str()`` is libvirt's full message."""

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        domain: ErrorDomain = ErrorDomain.DOM,
        *,
        level: ErrorLevel = ErrorLevel.ERROR,
    ) -> None:
        super().__init__(_WORDING.get(code, "%s").replace("%s", detail))
        self.code = code
        self.detail = detail
        self.domain = domain
        self.level = level

    def to_wire(self) -> bytes:
        """The encoded remote_error; libvirt puts its wording into str1 and the specific part into str2."""
        wording = _WORDING.get(self.code, "%s")
        return encode(
            ErrorMessage(
                code=self.code,
                domain=self.domain,
                message=_clean(str(self)),
                level=self.level,
                dom=None,
                str1=wording,
                str2=_clean(self.detail),
                str3=None,
                int1=-1,
                int2=-1,
                net=None,
            )
        )


def _clean(text: str) -> str:
    """Text that certainly has an encoding: an error must never fail to reach the client."""
    return text[:_TEXT_MAX].replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
