"""virConnect: opening, and what the connection is to."""

import socket
from urllib.parse import urlsplit

from kvmctl import __version__
from kvmctl.driver import capabilities, domain_capabilities
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.paths import DRIVER
from kvmctl.driver.rpc import Connection, ErrorCode, Feature, Procedure, types
from kvmctl.driver.rpc.types.params import as_dict
from kvmctl.host import sysinfo

table = Table()

_READ_ONLY = 1 << 0  # VIR_CONNECT_RO

# The release of libvirt whose API this daemon follows, as virConnectGetLibVersion counts.
_LIBVIRT_VERSION = 9 * 1_000_000

_FEATURES = {
    Feature.REMOTE_EVENT_CALLBACK,
    Feature.REMOTE_CLOSE_CALLBACK,
    Feature.NETWORK_UPDATE_HAS_CORRECT_ORDER,
}


def _version_number(text: str) -> int:
    major, minor, release = (int(part) for part in (*text.split("."), "0", "0")[:3])
    return major * 1_000_000 + minor * 1_000 + release


@table.answers(Procedure.CONNECT_OPEN)
def connect_open(driver: Driver, connection: Connection, args: types.ConnectOpenArgs) -> None:
    """Only the read-only flag is for the daemon; clients send what concerns their own side along."""
    if connection.opened:
        raise failure(ErrorCode.INTERNAL_ERROR, "connection already open")
    if args.name:
        _check_uri(args.name, driver.uri)
    if args.flags & _READ_ONLY:
        connection.readonly = True


def _check_uri(text: str, own: str) -> None:
    uri = urlsplit(text)
    if uri.scheme.partition("+")[0] != DRIVER:
        raise failure(ErrorCode.NO_CONNECT, text)
    if uri.path != urlsplit(own).path:
        raise failure(ErrorCode.INTERNAL_ERROR, f"unexpected {DRIVER} URI path '{uri.path}', try {own}")


@table.answers(Procedure.CONNECT_CLOSE)
async def connect_close(driver: Driver, connection: Connection, _args: None) -> None:
    driver.events.forget(connection)
    driver.networks.events.forget(connection)


@table.answers(Procedure.CONNECT_SUPPORTS_FEATURE)
async def connect_supports_feature(
    _driver: Driver, _connection: Connection, args: types.ConnectSupportsFeatureArgs
) -> types.ConnectSupportsFeatureRet:
    return types.ConnectSupportsFeatureRet(supported=int(args.feature in _FEATURES))


@table.answers(Procedure.CONNECT_GET_TYPE)
def connect_get_type(_driver: Driver, _connection: Connection, _args: None) -> types.ConnectGetTypeRet:
    return types.ConnectGetTypeRet(type=DRIVER.upper())


@table.answers(Procedure.CONNECT_GET_VERSION)
def connect_get_version(_driver: Driver, _connection: Connection, _args: None) -> types.ConnectGetVersionRet:
    return types.ConnectGetVersionRet(hv_ver=_version_number(__version__))


@table.answers(Procedure.CONNECT_GET_LIB_VERSION)
def connect_get_lib_version(
    _driver: Driver, _connection: Connection, _args: None
) -> types.ConnectGetLibVersionRet:
    return types.ConnectGetLibVersionRet(lib_ver=_LIBVIRT_VERSION)


@table.answers(Procedure.CONNECT_GET_HOSTNAME)
def connect_get_hostname(
    _driver: Driver, _connection: Connection, _args: None
) -> types.ConnectGetHostnameRet:
    return types.ConnectGetHostnameRet(hostname=socket.gethostname())


@table.answers(Procedure.CONNECT_GET_URI)
def connect_get_uri(driver: Driver, _connection: Connection, _args: None) -> types.ConnectGetUriRet:
    return types.ConnectGetUriRet(uri=driver.uri)


@table.answers(Procedure.CONNECT_IS_SECURE)
def connect_is_secure(_driver: Driver, _connection: Connection, _args: None) -> types.ConnectIsSecureRet:
    """A Unix socket: nobody listens in."""
    return types.ConnectIsSecureRet(secure=1)


@table.answers(Procedure.CONNECT_SET_IDENTITY)
def connect_set_identity(_driver: Driver, connection: Connection, args: types.ConnectSetIdentityArgs) -> None:
    """A proxy daemon names the user behind it; only a peer that could be anybody may."""
    check_flags(args.flags, 0, "virConnectSetIdentity")
    if connection.credentials.uid != 0:
        raise failure(ErrorCode.OPERATION_DENIED, "only root may set another identity")
    connection.context["identity"] = as_dict(args.params)


@table.answers(Procedure.CONNECT_GET_MAX_VCPUS)
def connect_get_max_vcpus(
    _driver: Driver, _connection: Connection, args: types.ConnectGetMaxVcpusArgs
) -> types.ConnectGetMaxVcpusRet:
    if args.type not in (None, "", "kvm", DRIVER.upper(), DRIVER):
        raise failure(ErrorCode.INVALID_ARG, f"unknown type '{args.type}'")
    return types.ConnectGetMaxVcpusRet(max_vcpus=capabilities.vcpu_limit())


@table.answers(Procedure.CONNECT_GET_SYSINFO)
def connect_get_sysinfo(
    _driver: Driver, _connection: Connection, args: types.ConnectGetSysinfoArgs
) -> types.ConnectGetSysinfoRet:
    check_flags(args.flags, 0, "virConnectGetSysinfo")
    blocks = sysinfo.read()
    if not blocks:
        raise failure(ErrorCode.CONFIG_UNSUPPORTED, "Host SMBIOS information is not available")
    return types.ConnectGetSysinfoRet(sysinfo=capabilities.sysinfo_xml(blocks))


@table.answers(Procedure.CONNECT_GET_CAPABILITIES)
def connect_get_capabilities(
    _driver: Driver, _connection: Connection, _args: None
) -> types.ConnectGetCapabilitiesRet:
    return types.ConnectGetCapabilitiesRet(capabilities=capabilities.capabilities_xml())


@table.answers(Procedure.CONNECT_GET_DOMAIN_CAPABILITIES)
def connect_get_domain_capabilities(
    _driver: Driver, _connection: Connection, args: types.ConnectGetDomainCapabilitiesArgs
) -> types.ConnectGetDomainCapabilitiesRet:
    check_flags(args.flags, 0, "virConnectGetDomainCapabilities")
    text = domain_capabilities.domain_capabilities_xml(
        args.emulatorbin, args.arch, args.machine, args.virttype
    )
    return types.ConnectGetDomainCapabilitiesRet(capabilities=text)
