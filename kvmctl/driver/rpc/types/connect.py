"""The connection and the hypervisor behind it.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    CONNECT_CPU_MODELS_MAX,
    CONNECT_IDENTITY_PARAMS_MAX,
    CPU_BASELINE_MAX,
)
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectOpenArgs:
    name: String | None
    flags: UInt


@struct
class ConnectSupportsFeatureArgs:
    feature: Int


@struct
class ConnectSupportsFeatureRet:
    supported: Int


@struct
class ConnectGetTypeRet:
    type: String


@struct
class ConnectGetVersionRet:
    hv_ver: UHyper


@struct
class ConnectGetLibVersionRet:
    lib_ver: UHyper


@struct
class ConnectGetHostnameRet:
    hostname: String


@struct
class ConnectGetSysinfoArgs:
    flags: UInt


@struct
class ConnectGetSysinfoRet:
    sysinfo: String


@struct
class ConnectGetUriRet:
    uri: String


@struct
class ConnectGetMaxVcpusArgs:
    type: String | None


@struct
class ConnectGetMaxVcpusRet:
    max_vcpus: Int


@struct
class ConnectGetCapabilitiesRet:
    capabilities: String


@struct
class ConnectGetDomainCapabilitiesArgs:
    emulatorbin: String | None
    arch: String | None
    machine: String | None
    virttype: String | None
    flags: UInt


@struct
class ConnectGetDomainCapabilitiesRet:
    capabilities: String


@struct
class ConnectDomainXmlFromNativeArgs:
    native_format: String
    native_config: String
    flags: UInt


@struct
class ConnectDomainXmlFromNativeRet:
    domain_xml: String


@struct
class ConnectDomainXmlToNativeArgs:
    native_format: String
    domain_xml: String
    flags: UInt


@struct
class ConnectDomainXmlToNativeRet:
    native_config: String


@struct
class ConnectIsSecureRet:
    secure: Int


@struct
class ConnectCompareCpuArgs:
    xml: String
    flags: UInt


@struct
class ConnectCompareCpuRet:
    result: Int


@struct
class ConnectBaselineCpuArgs:
    xml_cpus: Annotated[tuple[String, ...], MaxItems(CPU_BASELINE_MAX)]
    flags: UInt


@struct
class ConnectBaselineCpuRet:
    cpu: String


@struct
class ConnectGetCpuModelNamesArgs:
    arch: String
    need_results: Int
    flags: UInt


@struct
class ConnectGetCpuModelNamesRet:
    models: Annotated[tuple[String, ...], MaxItems(CONNECT_CPU_MODELS_MAX)]
    ret: Int


@struct
class ConnectCompareHypervisorCpuArgs:
    emulator: String | None
    arch: String | None
    machine: String | None
    virttype: String | None
    xml_cpu: String
    flags: UInt


@struct
class ConnectCompareHypervisorCpuRet:
    result: Int


@struct
class ConnectBaselineHypervisorCpuArgs:
    emulator: String | None
    arch: String | None
    machine: String | None
    virttype: String | None
    xml_cpus: Annotated[tuple[String, ...], MaxItems(CPU_BASELINE_MAX)]
    flags: UInt


@struct
class ConnectBaselineHypervisorCpuRet:
    cpu: String


@struct
class ConnectSetIdentityArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(CONNECT_IDENTITY_PARAMS_MAX)]
    flags: UInt
