"""Arguments, results and events of the remote protocol as frozen dataclasses, one module a family."""

from kvmctl.driver.rpc.types.auth import AuthListRet as AuthListRet
from kvmctl.driver.rpc.types.auth import AuthPolkitRet as AuthPolkitRet
from kvmctl.driver.rpc.types.auth import AuthSaslInitRet as AuthSaslInitRet
from kvmctl.driver.rpc.types.auth import AuthSaslStartArgs as AuthSaslStartArgs
from kvmctl.driver.rpc.types.auth import AuthSaslStartRet as AuthSaslStartRet
from kvmctl.driver.rpc.types.auth import AuthSaslStepArgs as AuthSaslStepArgs
from kvmctl.driver.rpc.types.auth import AuthSaslStepRet as AuthSaslStepRet
from kvmctl.driver.rpc.types.auth import AuthType as AuthType
from kvmctl.driver.rpc.types.checkpoint import DomainBackupBeginArgs as DomainBackupBeginArgs
from kvmctl.driver.rpc.types.checkpoint import DomainBackupGetXmlDescArgs as DomainBackupGetXmlDescArgs
from kvmctl.driver.rpc.types.checkpoint import DomainBackupGetXmlDescRet as DomainBackupGetXmlDescRet
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointCreateXmlArgs as DomainCheckpointCreateXmlArgs
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointCreateXmlRet as DomainCheckpointCreateXmlRet
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointDeleteArgs as DomainCheckpointDeleteArgs
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointGetParentArgs as DomainCheckpointGetParentArgs
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointGetParentRet as DomainCheckpointGetParentRet
from kvmctl.driver.rpc.types.checkpoint import (
    DomainCheckpointGetXmlDescArgs as DomainCheckpointGetXmlDescArgs,
)
from kvmctl.driver.rpc.types.checkpoint import DomainCheckpointGetXmlDescRet as DomainCheckpointGetXmlDescRet
from kvmctl.driver.rpc.types.checkpoint import (
    DomainCheckpointListAllChildrenArgs as DomainCheckpointListAllChildrenArgs,
)
from kvmctl.driver.rpc.types.checkpoint import (
    DomainCheckpointListAllChildrenRet as DomainCheckpointListAllChildrenRet,
)
from kvmctl.driver.rpc.types.checkpoint import (
    DomainCheckpointLookupByNameArgs as DomainCheckpointLookupByNameArgs,
)
from kvmctl.driver.rpc.types.checkpoint import (
    DomainCheckpointLookupByNameRet as DomainCheckpointLookupByNameRet,
)
from kvmctl.driver.rpc.types.checkpoint import DomainListAllCheckpointsArgs as DomainListAllCheckpointsArgs
from kvmctl.driver.rpc.types.checkpoint import DomainListAllCheckpointsRet as DomainListAllCheckpointsRet
from kvmctl.driver.rpc.types.connect import ConnectBaselineCpuArgs as ConnectBaselineCpuArgs
from kvmctl.driver.rpc.types.connect import ConnectBaselineCpuRet as ConnectBaselineCpuRet
from kvmctl.driver.rpc.types.connect import (
    ConnectBaselineHypervisorCpuArgs as ConnectBaselineHypervisorCpuArgs,
)
from kvmctl.driver.rpc.types.connect import ConnectBaselineHypervisorCpuRet as ConnectBaselineHypervisorCpuRet
from kvmctl.driver.rpc.types.connect import ConnectCompareCpuArgs as ConnectCompareCpuArgs
from kvmctl.driver.rpc.types.connect import ConnectCompareCpuRet as ConnectCompareCpuRet
from kvmctl.driver.rpc.types.connect import ConnectCompareHypervisorCpuArgs as ConnectCompareHypervisorCpuArgs
from kvmctl.driver.rpc.types.connect import ConnectCompareHypervisorCpuRet as ConnectCompareHypervisorCpuRet
from kvmctl.driver.rpc.types.connect import ConnectDomainXmlFromNativeArgs as ConnectDomainXmlFromNativeArgs
from kvmctl.driver.rpc.types.connect import ConnectDomainXmlFromNativeRet as ConnectDomainXmlFromNativeRet
from kvmctl.driver.rpc.types.connect import ConnectDomainXmlToNativeArgs as ConnectDomainXmlToNativeArgs
from kvmctl.driver.rpc.types.connect import ConnectDomainXmlToNativeRet as ConnectDomainXmlToNativeRet
from kvmctl.driver.rpc.types.connect import ConnectGetCapabilitiesRet as ConnectGetCapabilitiesRet
from kvmctl.driver.rpc.types.connect import ConnectGetCpuModelNamesArgs as ConnectGetCpuModelNamesArgs
from kvmctl.driver.rpc.types.connect import ConnectGetCpuModelNamesRet as ConnectGetCpuModelNamesRet
from kvmctl.driver.rpc.types.connect import (
    ConnectGetDomainCapabilitiesArgs as ConnectGetDomainCapabilitiesArgs,
)
from kvmctl.driver.rpc.types.connect import ConnectGetDomainCapabilitiesRet as ConnectGetDomainCapabilitiesRet
from kvmctl.driver.rpc.types.connect import ConnectGetHostnameRet as ConnectGetHostnameRet
from kvmctl.driver.rpc.types.connect import ConnectGetLibVersionRet as ConnectGetLibVersionRet
from kvmctl.driver.rpc.types.connect import ConnectGetMaxVcpusArgs as ConnectGetMaxVcpusArgs
from kvmctl.driver.rpc.types.connect import ConnectGetMaxVcpusRet as ConnectGetMaxVcpusRet
from kvmctl.driver.rpc.types.connect import ConnectGetSysinfoArgs as ConnectGetSysinfoArgs
from kvmctl.driver.rpc.types.connect import ConnectGetSysinfoRet as ConnectGetSysinfoRet
from kvmctl.driver.rpc.types.connect import ConnectGetTypeRet as ConnectGetTypeRet
from kvmctl.driver.rpc.types.connect import ConnectGetUriRet as ConnectGetUriRet
from kvmctl.driver.rpc.types.connect import ConnectGetVersionRet as ConnectGetVersionRet
from kvmctl.driver.rpc.types.connect import ConnectIsSecureRet as ConnectIsSecureRet
from kvmctl.driver.rpc.types.connect import ConnectOpenArgs as ConnectOpenArgs
from kvmctl.driver.rpc.types.connect import ConnectSetIdentityArgs as ConnectSetIdentityArgs
from kvmctl.driver.rpc.types.connect import ConnectSupportsFeatureArgs as ConnectSupportsFeatureArgs
from kvmctl.driver.rpc.types.connect import ConnectSupportsFeatureRet as ConnectSupportsFeatureRet
from kvmctl.driver.rpc.types.domain import DomainCreateArgs as DomainCreateArgs
from kvmctl.driver.rpc.types.domain import DomainCreateWithFilesArgs as DomainCreateWithFilesArgs
from kvmctl.driver.rpc.types.domain import DomainCreateWithFilesRet as DomainCreateWithFilesRet
from kvmctl.driver.rpc.types.domain import DomainCreateWithFlagsArgs as DomainCreateWithFlagsArgs
from kvmctl.driver.rpc.types.domain import DomainCreateWithFlagsRet as DomainCreateWithFlagsRet
from kvmctl.driver.rpc.types.domain import DomainCreateXmlArgs as DomainCreateXmlArgs
from kvmctl.driver.rpc.types.domain import DomainCreateXmlRet as DomainCreateXmlRet
from kvmctl.driver.rpc.types.domain import DomainCreateXmlWithFilesArgs as DomainCreateXmlWithFilesArgs
from kvmctl.driver.rpc.types.domain import DomainCreateXmlWithFilesRet as DomainCreateXmlWithFilesRet
from kvmctl.driver.rpc.types.domain import DomainDefineXmlArgs as DomainDefineXmlArgs
from kvmctl.driver.rpc.types.domain import DomainDefineXmlFlagsArgs as DomainDefineXmlFlagsArgs
from kvmctl.driver.rpc.types.domain import DomainDefineXmlFlagsRet as DomainDefineXmlFlagsRet
from kvmctl.driver.rpc.types.domain import DomainDefineXmlRet as DomainDefineXmlRet
from kvmctl.driver.rpc.types.domain import DomainDestroyArgs as DomainDestroyArgs
from kvmctl.driver.rpc.types.domain import DomainDestroyFlagsArgs as DomainDestroyFlagsArgs
from kvmctl.driver.rpc.types.domain import DomainFdAssociateArgs as DomainFdAssociateArgs
from kvmctl.driver.rpc.types.domain import DomainGetAutostartArgs as DomainGetAutostartArgs
from kvmctl.driver.rpc.types.domain import DomainGetAutostartRet as DomainGetAutostartRet
from kvmctl.driver.rpc.types.domain import DomainGetControlInfoArgs as DomainGetControlInfoArgs
from kvmctl.driver.rpc.types.domain import DomainGetControlInfoRet as DomainGetControlInfoRet
from kvmctl.driver.rpc.types.domain import DomainGetInfoArgs as DomainGetInfoArgs
from kvmctl.driver.rpc.types.domain import DomainGetInfoRet as DomainGetInfoRet
from kvmctl.driver.rpc.types.domain import DomainGetOsTypeArgs as DomainGetOsTypeArgs
from kvmctl.driver.rpc.types.domain import DomainGetOsTypeRet as DomainGetOsTypeRet
from kvmctl.driver.rpc.types.domain import DomainGetStateArgs as DomainGetStateArgs
from kvmctl.driver.rpc.types.domain import DomainGetStateRet as DomainGetStateRet
from kvmctl.driver.rpc.types.domain import DomainGetXmlDescArgs as DomainGetXmlDescArgs
from kvmctl.driver.rpc.types.domain import DomainGetXmlDescRet as DomainGetXmlDescRet
from kvmctl.driver.rpc.types.domain import DomainIsActiveArgs as DomainIsActiveArgs
from kvmctl.driver.rpc.types.domain import DomainIsActiveRet as DomainIsActiveRet
from kvmctl.driver.rpc.types.domain import DomainIsPersistentArgs as DomainIsPersistentArgs
from kvmctl.driver.rpc.types.domain import DomainIsPersistentRet as DomainIsPersistentRet
from kvmctl.driver.rpc.types.domain import DomainIsUpdatedArgs as DomainIsUpdatedArgs
from kvmctl.driver.rpc.types.domain import DomainIsUpdatedRet as DomainIsUpdatedRet
from kvmctl.driver.rpc.types.domain import DomainLookupByIdArgs as DomainLookupByIdArgs
from kvmctl.driver.rpc.types.domain import DomainLookupByIdRet as DomainLookupByIdRet
from kvmctl.driver.rpc.types.domain import DomainLookupByNameArgs as DomainLookupByNameArgs
from kvmctl.driver.rpc.types.domain import DomainLookupByNameRet as DomainLookupByNameRet
from kvmctl.driver.rpc.types.domain import DomainLookupByUuidArgs as DomainLookupByUuidArgs
from kvmctl.driver.rpc.types.domain import DomainLookupByUuidRet as DomainLookupByUuidRet
from kvmctl.driver.rpc.types.domain import DomainRebootArgs as DomainRebootArgs
from kvmctl.driver.rpc.types.domain import DomainRenameArgs as DomainRenameArgs
from kvmctl.driver.rpc.types.domain import DomainRenameRet as DomainRenameRet
from kvmctl.driver.rpc.types.domain import DomainResetArgs as DomainResetArgs
from kvmctl.driver.rpc.types.domain import DomainResumeArgs as DomainResumeArgs
from kvmctl.driver.rpc.types.domain import DomainSetAutostartArgs as DomainSetAutostartArgs
from kvmctl.driver.rpc.types.domain import DomainSetLifecycleActionArgs as DomainSetLifecycleActionArgs
from kvmctl.driver.rpc.types.domain import DomainShutdownArgs as DomainShutdownArgs
from kvmctl.driver.rpc.types.domain import DomainShutdownFlagsArgs as DomainShutdownFlagsArgs
from kvmctl.driver.rpc.types.domain import DomainSuspendArgs as DomainSuspendArgs
from kvmctl.driver.rpc.types.domain import DomainUndefineArgs as DomainUndefineArgs
from kvmctl.driver.rpc.types.domain import DomainUndefineFlagsArgs as DomainUndefineFlagsArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockCommitArgs as DomainBlockCommitArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockCopyArgs as DomainBlockCopyArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockJobAbortArgs as DomainBlockJobAbortArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockJobSetSpeedArgs as DomainBlockJobSetSpeedArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockPeekArgs as DomainBlockPeekArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockPeekRet as DomainBlockPeekRet
from kvmctl.driver.rpc.types.domain_block import DomainBlockPullArgs as DomainBlockPullArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockRebaseArgs as DomainBlockRebaseArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockResizeArgs as DomainBlockResizeArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockStatsArgs as DomainBlockStatsArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockStatsFlagsArgs as DomainBlockStatsFlagsArgs
from kvmctl.driver.rpc.types.domain_block import DomainBlockStatsFlagsRet as DomainBlockStatsFlagsRet
from kvmctl.driver.rpc.types.domain_block import DomainBlockStatsRet as DomainBlockStatsRet
from kvmctl.driver.rpc.types.domain_block import DomainDiskError as DomainDiskError
from kvmctl.driver.rpc.types.domain_block import DomainFsfreezeArgs as DomainFsfreezeArgs
from kvmctl.driver.rpc.types.domain_block import DomainFsfreezeRet as DomainFsfreezeRet
from kvmctl.driver.rpc.types.domain_block import DomainFsinfo as DomainFsinfo
from kvmctl.driver.rpc.types.domain_block import DomainFsthawArgs as DomainFsthawArgs
from kvmctl.driver.rpc.types.domain_block import DomainFsthawRet as DomainFsthawRet
from kvmctl.driver.rpc.types.domain_block import DomainFstrimArgs as DomainFstrimArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockInfoArgs as DomainGetBlockInfoArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockInfoRet as DomainGetBlockInfoRet
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockIoTuneArgs as DomainGetBlockIoTuneArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockIoTuneRet as DomainGetBlockIoTuneRet
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockJobInfoArgs as DomainGetBlockJobInfoArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetBlockJobInfoRet as DomainGetBlockJobInfoRet
from kvmctl.driver.rpc.types.domain_block import DomainGetDiskErrorsArgs as DomainGetDiskErrorsArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetDiskErrorsRet as DomainGetDiskErrorsRet
from kvmctl.driver.rpc.types.domain_block import DomainGetFsinfoArgs as DomainGetFsinfoArgs
from kvmctl.driver.rpc.types.domain_block import DomainGetFsinfoRet as DomainGetFsinfoRet
from kvmctl.driver.rpc.types.domain_block import DomainSetBlockIoTuneArgs as DomainSetBlockIoTuneArgs
from kvmctl.driver.rpc.types.domain_block import DomainSetBlockThresholdArgs as DomainSetBlockThresholdArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainAddIothreadArgs as DomainAddIothreadArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainDelIothreadArgs as DomainDelIothreadArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetCpuStatsArgs as DomainGetCpuStatsArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetCpuStatsRet as DomainGetCpuStatsRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetEmulatorPinInfoArgs as DomainGetEmulatorPinInfoArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetEmulatorPinInfoRet as DomainGetEmulatorPinInfoRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetGuestVcpusArgs as DomainGetGuestVcpusArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetGuestVcpusRet as DomainGetGuestVcpusRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetIothreadInfoArgs as DomainGetIothreadInfoArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetIothreadInfoRet as DomainGetIothreadInfoRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetMaxVcpusArgs as DomainGetMaxVcpusArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetMaxVcpusRet as DomainGetMaxVcpusRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetNumaParametersArgs as DomainGetNumaParametersArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetNumaParametersRet as DomainGetNumaParametersRet
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainGetSchedulerParametersArgs as DomainGetSchedulerParametersArgs,
)
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainGetSchedulerParametersFlagsArgs as DomainGetSchedulerParametersFlagsArgs,
)
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainGetSchedulerParametersFlagsRet as DomainGetSchedulerParametersFlagsRet,
)
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainGetSchedulerParametersRet as DomainGetSchedulerParametersRet,
)
from kvmctl.driver.rpc.types.domain_cpu import DomainGetSchedulerTypeArgs as DomainGetSchedulerTypeArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetSchedulerTypeRet as DomainGetSchedulerTypeRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpuPinInfoArgs as DomainGetVcpuPinInfoArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpuPinInfoRet as DomainGetVcpuPinInfoRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpusArgs as DomainGetVcpusArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpusFlagsArgs as DomainGetVcpusFlagsArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpusFlagsRet as DomainGetVcpusFlagsRet
from kvmctl.driver.rpc.types.domain_cpu import DomainGetVcpusRet as DomainGetVcpusRet
from kvmctl.driver.rpc.types.domain_cpu import DomainIothreadInfo as DomainIothreadInfo
from kvmctl.driver.rpc.types.domain_cpu import DomainPinEmulatorArgs as DomainPinEmulatorArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainPinIothreadArgs as DomainPinIothreadArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainPinVcpuArgs as DomainPinVcpuArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainPinVcpuFlagsArgs as DomainPinVcpuFlagsArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainSetGuestVcpusArgs as DomainSetGuestVcpusArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainSetIothreadParamsArgs as DomainSetIothreadParamsArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainSetNumaParametersArgs as DomainSetNumaParametersArgs
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainSetSchedulerParametersArgs as DomainSetSchedulerParametersArgs,
)
from kvmctl.driver.rpc.types.domain_cpu import (
    DomainSetSchedulerParametersFlagsArgs as DomainSetSchedulerParametersFlagsArgs,
)
from kvmctl.driver.rpc.types.domain_cpu import DomainSetVcpuArgs as DomainSetVcpuArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainSetVcpusArgs as DomainSetVcpusArgs
from kvmctl.driver.rpc.types.domain_cpu import DomainSetVcpusFlagsArgs as DomainSetVcpusFlagsArgs
from kvmctl.driver.rpc.types.domain_cpu import VcpuInfo as VcpuInfo
from kvmctl.driver.rpc.types.domain_device import DomainAttachDeviceArgs as DomainAttachDeviceArgs
from kvmctl.driver.rpc.types.domain_device import DomainAttachDeviceFlagsArgs as DomainAttachDeviceFlagsArgs
from kvmctl.driver.rpc.types.domain_device import DomainDetachDeviceAliasArgs as DomainDetachDeviceAliasArgs
from kvmctl.driver.rpc.types.domain_device import DomainDetachDeviceArgs as DomainDetachDeviceArgs
from kvmctl.driver.rpc.types.domain_device import DomainDetachDeviceFlagsArgs as DomainDetachDeviceFlagsArgs
from kvmctl.driver.rpc.types.domain_device import DomainGetHostnameArgs as DomainGetHostnameArgs
from kvmctl.driver.rpc.types.domain_device import DomainGetHostnameRet as DomainGetHostnameRet
from kvmctl.driver.rpc.types.domain_device import (
    DomainGetInterfaceParametersArgs as DomainGetInterfaceParametersArgs,
)
from kvmctl.driver.rpc.types.domain_device import (
    DomainGetInterfaceParametersRet as DomainGetInterfaceParametersRet,
)
from kvmctl.driver.rpc.types.domain_device import DomainInjectNmiArgs as DomainInjectNmiArgs
from kvmctl.driver.rpc.types.domain_device import DomainInterface as DomainInterface
from kvmctl.driver.rpc.types.domain_device import DomainInterfaceAddressesArgs as DomainInterfaceAddressesArgs
from kvmctl.driver.rpc.types.domain_device import DomainInterfaceAddressesRet as DomainInterfaceAddressesRet
from kvmctl.driver.rpc.types.domain_device import DomainInterfaceStatsArgs as DomainInterfaceStatsArgs
from kvmctl.driver.rpc.types.domain_device import DomainInterfaceStatsRet as DomainInterfaceStatsRet
from kvmctl.driver.rpc.types.domain_device import DomainIpAddr as DomainIpAddr
from kvmctl.driver.rpc.types.domain_device import DomainOpenChannelArgs as DomainOpenChannelArgs
from kvmctl.driver.rpc.types.domain_device import DomainOpenConsoleArgs as DomainOpenConsoleArgs
from kvmctl.driver.rpc.types.domain_device import DomainOpenGraphicsArgs as DomainOpenGraphicsArgs
from kvmctl.driver.rpc.types.domain_device import DomainOpenGraphicsFdArgs as DomainOpenGraphicsFdArgs
from kvmctl.driver.rpc.types.domain_device import DomainScreenshotArgs as DomainScreenshotArgs
from kvmctl.driver.rpc.types.domain_device import DomainScreenshotRet as DomainScreenshotRet
from kvmctl.driver.rpc.types.domain_device import DomainSendKeyArgs as DomainSendKeyArgs
from kvmctl.driver.rpc.types.domain_device import DomainSendProcessSignalArgs as DomainSendProcessSignalArgs
from kvmctl.driver.rpc.types.domain_device import (
    DomainSetInterfaceParametersArgs as DomainSetInterfaceParametersArgs,
)
from kvmctl.driver.rpc.types.domain_device import DomainUpdateDeviceFlagsArgs as DomainUpdateDeviceFlagsArgs
from kvmctl.driver.rpc.types.domain_guest import (
    DomainAgentSetResponseTimeoutArgs as DomainAgentSetResponseTimeoutArgs,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainAgentSetResponseTimeoutRet as DomainAgentSetResponseTimeoutRet,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainAuthorizedSshKeysGetArgs as DomainAuthorizedSshKeysGetArgs,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainAuthorizedSshKeysGetRet as DomainAuthorizedSshKeysGetRet,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainAuthorizedSshKeysSetArgs as DomainAuthorizedSshKeysSetArgs,
)
from kvmctl.driver.rpc.types.domain_guest import DomainGetGuestInfoArgs as DomainGetGuestInfoArgs
from kvmctl.driver.rpc.types.domain_guest import DomainGetGuestInfoRet as DomainGetGuestInfoRet
from kvmctl.driver.rpc.types.domain_guest import (
    DomainGetLaunchSecurityInfoArgs as DomainGetLaunchSecurityInfoArgs,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainGetLaunchSecurityInfoRet as DomainGetLaunchSecurityInfoRet,
)
from kvmctl.driver.rpc.types.domain_guest import DomainGetMessagesArgs as DomainGetMessagesArgs
from kvmctl.driver.rpc.types.domain_guest import DomainGetMessagesRet as DomainGetMessagesRet
from kvmctl.driver.rpc.types.domain_guest import DomainGetMetadataArgs as DomainGetMetadataArgs
from kvmctl.driver.rpc.types.domain_guest import DomainGetMetadataRet as DomainGetMetadataRet
from kvmctl.driver.rpc.types.domain_guest import DomainGetSecurityLabelArgs as DomainGetSecurityLabelArgs
from kvmctl.driver.rpc.types.domain_guest import (
    DomainGetSecurityLabelListArgs as DomainGetSecurityLabelListArgs,
)
from kvmctl.driver.rpc.types.domain_guest import (
    DomainGetSecurityLabelListRet as DomainGetSecurityLabelListRet,
)
from kvmctl.driver.rpc.types.domain_guest import DomainGetSecurityLabelRet as DomainGetSecurityLabelRet
from kvmctl.driver.rpc.types.domain_guest import DomainGetTimeArgs as DomainGetTimeArgs
from kvmctl.driver.rpc.types.domain_guest import DomainGetTimeRet as DomainGetTimeRet
from kvmctl.driver.rpc.types.domain_guest import (
    DomainPmSuspendForDurationArgs as DomainPmSuspendForDurationArgs,
)
from kvmctl.driver.rpc.types.domain_guest import DomainPmWakeupArgs as DomainPmWakeupArgs
from kvmctl.driver.rpc.types.domain_guest import (
    DomainSetLaunchSecurityStateArgs as DomainSetLaunchSecurityStateArgs,
)
from kvmctl.driver.rpc.types.domain_guest import DomainSetMetadataArgs as DomainSetMetadataArgs
from kvmctl.driver.rpc.types.domain_guest import DomainSetTimeArgs as DomainSetTimeArgs
from kvmctl.driver.rpc.types.domain_guest import DomainSetUserPasswordArgs as DomainSetUserPasswordArgs
from kvmctl.driver.rpc.types.domain_job import DomainAbortJobArgs as DomainAbortJobArgs
from kvmctl.driver.rpc.types.domain_job import DomainAbortJobFlagsArgs as DomainAbortJobFlagsArgs
from kvmctl.driver.rpc.types.domain_job import DomainCoreDumpArgs as DomainCoreDumpArgs
from kvmctl.driver.rpc.types.domain_job import DomainCoreDumpWithFormatArgs as DomainCoreDumpWithFormatArgs
from kvmctl.driver.rpc.types.domain_job import DomainGetJobInfoArgs as DomainGetJobInfoArgs
from kvmctl.driver.rpc.types.domain_job import DomainGetJobInfoRet as DomainGetJobInfoRet
from kvmctl.driver.rpc.types.domain_job import DomainGetJobStatsArgs as DomainGetJobStatsArgs
from kvmctl.driver.rpc.types.domain_job import DomainGetJobStatsRet as DomainGetJobStatsRet
from kvmctl.driver.rpc.types.domain_job import DomainHasManagedSaveImageArgs as DomainHasManagedSaveImageArgs
from kvmctl.driver.rpc.types.domain_job import DomainHasManagedSaveImageRet as DomainHasManagedSaveImageRet
from kvmctl.driver.rpc.types.domain_job import DomainManagedSaveArgs as DomainManagedSaveArgs
from kvmctl.driver.rpc.types.domain_job import (
    DomainManagedSaveDefineXmlArgs as DomainManagedSaveDefineXmlArgs,
)
from kvmctl.driver.rpc.types.domain_job import (
    DomainManagedSaveGetXmlDescArgs as DomainManagedSaveGetXmlDescArgs,
)
from kvmctl.driver.rpc.types.domain_job import (
    DomainManagedSaveGetXmlDescRet as DomainManagedSaveGetXmlDescRet,
)
from kvmctl.driver.rpc.types.domain_job import DomainManagedSaveRemoveArgs as DomainManagedSaveRemoveArgs
from kvmctl.driver.rpc.types.domain_job import DomainRestoreArgs as DomainRestoreArgs
from kvmctl.driver.rpc.types.domain_job import DomainRestoreFlagsArgs as DomainRestoreFlagsArgs
from kvmctl.driver.rpc.types.domain_job import DomainRestoreParamsArgs as DomainRestoreParamsArgs
from kvmctl.driver.rpc.types.domain_job import DomainSaveArgs as DomainSaveArgs
from kvmctl.driver.rpc.types.domain_job import DomainSaveFlagsArgs as DomainSaveFlagsArgs
from kvmctl.driver.rpc.types.domain_job import DomainSaveImageDefineXmlArgs as DomainSaveImageDefineXmlArgs
from kvmctl.driver.rpc.types.domain_job import DomainSaveImageGetXmlDescArgs as DomainSaveImageGetXmlDescArgs
from kvmctl.driver.rpc.types.domain_job import DomainSaveImageGetXmlDescRet as DomainSaveImageGetXmlDescRet
from kvmctl.driver.rpc.types.domain_job import DomainSaveParamsArgs as DomainSaveParamsArgs
from kvmctl.driver.rpc.types.domain_list import ConnectGetAllDomainStatsArgs as ConnectGetAllDomainStatsArgs
from kvmctl.driver.rpc.types.domain_list import ConnectGetAllDomainStatsRet as ConnectGetAllDomainStatsRet
from kvmctl.driver.rpc.types.domain_list import ConnectListAllDomainsArgs as ConnectListAllDomainsArgs
from kvmctl.driver.rpc.types.domain_list import ConnectListAllDomainsRet as ConnectListAllDomainsRet
from kvmctl.driver.rpc.types.domain_list import ConnectListDefinedDomainsArgs as ConnectListDefinedDomainsArgs
from kvmctl.driver.rpc.types.domain_list import ConnectListDefinedDomainsRet as ConnectListDefinedDomainsRet
from kvmctl.driver.rpc.types.domain_list import ConnectListDomainsArgs as ConnectListDomainsArgs
from kvmctl.driver.rpc.types.domain_list import ConnectListDomainsRet as ConnectListDomainsRet
from kvmctl.driver.rpc.types.domain_list import ConnectNumOfDefinedDomainsRet as ConnectNumOfDefinedDomainsRet
from kvmctl.driver.rpc.types.domain_list import ConnectNumOfDomainsRet as ConnectNumOfDomainsRet
from kvmctl.driver.rpc.types.domain_list import DomainStatsRecord as DomainStatsRecord
from kvmctl.driver.rpc.types.domain_memory import DomainGetBlkioParametersArgs as DomainGetBlkioParametersArgs
from kvmctl.driver.rpc.types.domain_memory import DomainGetBlkioParametersRet as DomainGetBlkioParametersRet
from kvmctl.driver.rpc.types.domain_memory import DomainGetMaxMemoryArgs as DomainGetMaxMemoryArgs
from kvmctl.driver.rpc.types.domain_memory import DomainGetMaxMemoryRet as DomainGetMaxMemoryRet
from kvmctl.driver.rpc.types.domain_memory import (
    DomainGetMemoryParametersArgs as DomainGetMemoryParametersArgs,
)
from kvmctl.driver.rpc.types.domain_memory import DomainGetMemoryParametersRet as DomainGetMemoryParametersRet
from kvmctl.driver.rpc.types.domain_memory import DomainGetPerfEventsArgs as DomainGetPerfEventsArgs
from kvmctl.driver.rpc.types.domain_memory import DomainGetPerfEventsRet as DomainGetPerfEventsRet
from kvmctl.driver.rpc.types.domain_memory import DomainMemoryPeekArgs as DomainMemoryPeekArgs
from kvmctl.driver.rpc.types.domain_memory import DomainMemoryPeekRet as DomainMemoryPeekRet
from kvmctl.driver.rpc.types.domain_memory import DomainMemoryStat as DomainMemoryStat
from kvmctl.driver.rpc.types.domain_memory import DomainMemoryStatsArgs as DomainMemoryStatsArgs
from kvmctl.driver.rpc.types.domain_memory import DomainMemoryStatsRet as DomainMemoryStatsRet
from kvmctl.driver.rpc.types.domain_memory import DomainSetBlkioParametersArgs as DomainSetBlkioParametersArgs
from kvmctl.driver.rpc.types.domain_memory import DomainSetMaxMemoryArgs as DomainSetMaxMemoryArgs
from kvmctl.driver.rpc.types.domain_memory import DomainSetMemoryArgs as DomainSetMemoryArgs
from kvmctl.driver.rpc.types.domain_memory import DomainSetMemoryFlagsArgs as DomainSetMemoryFlagsArgs
from kvmctl.driver.rpc.types.domain_memory import (
    DomainSetMemoryParametersArgs as DomainSetMemoryParametersArgs,
)
from kvmctl.driver.rpc.types.domain_memory import (
    DomainSetMemoryStatsPeriodArgs as DomainSetMemoryStatsPeriodArgs,
)
from kvmctl.driver.rpc.types.domain_memory import DomainSetPerfEventsArgs as DomainSetPerfEventsArgs
from kvmctl.driver.rpc.types.domain_memory import DomainStartDirtyRateCalcArgs as DomainStartDirtyRateCalcArgs
from kvmctl.driver.rpc.types.events import (
    ConnectDomainEventCallbackDeregisterAnyArgs as ConnectDomainEventCallbackDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectDomainEventCallbackRegisterAnyArgs as ConnectDomainEventCallbackRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectDomainEventCallbackRegisterAnyRet as ConnectDomainEventCallbackRegisterAnyRet,
)
from kvmctl.driver.rpc.types.events import (
    ConnectDomainEventDeregisterAnyArgs as ConnectDomainEventDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import ConnectDomainEventDeregisterRet as ConnectDomainEventDeregisterRet
from kvmctl.driver.rpc.types.events import (
    ConnectDomainEventRegisterAnyArgs as ConnectDomainEventRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import ConnectDomainEventRegisterRet as ConnectDomainEventRegisterRet
from kvmctl.driver.rpc.types.events import ConnectEventConnectionClosedMsg as ConnectEventConnectionClosedMsg
from kvmctl.driver.rpc.types.events import (
    ConnectNetworkEventDeregisterAnyArgs as ConnectNetworkEventDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectNetworkEventRegisterAnyArgs as ConnectNetworkEventRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectNetworkEventRegisterAnyRet as ConnectNetworkEventRegisterAnyRet,
)
from kvmctl.driver.rpc.types.events import (
    ConnectNodeDeviceEventDeregisterAnyArgs as ConnectNodeDeviceEventDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectNodeDeviceEventRegisterAnyArgs as ConnectNodeDeviceEventRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectNodeDeviceEventRegisterAnyRet as ConnectNodeDeviceEventRegisterAnyRet,
)
from kvmctl.driver.rpc.types.events import (
    ConnectSecretEventDeregisterAnyArgs as ConnectSecretEventDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectSecretEventRegisterAnyArgs as ConnectSecretEventRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectSecretEventRegisterAnyRet as ConnectSecretEventRegisterAnyRet,
)
from kvmctl.driver.rpc.types.events import (
    ConnectStoragePoolEventDeregisterAnyArgs as ConnectStoragePoolEventDeregisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectStoragePoolEventRegisterAnyArgs as ConnectStoragePoolEventRegisterAnyArgs,
)
from kvmctl.driver.rpc.types.events import (
    ConnectStoragePoolEventRegisterAnyRet as ConnectStoragePoolEventRegisterAnyRet,
)
from kvmctl.driver.rpc.types.events import DomainEventBalloonChangeMsg as DomainEventBalloonChangeMsg
from kvmctl.driver.rpc.types.events import DomainEventBlockJob2Msg as DomainEventBlockJob2Msg
from kvmctl.driver.rpc.types.events import DomainEventBlockJobMsg as DomainEventBlockJobMsg
from kvmctl.driver.rpc.types.events import DomainEventBlockThresholdMsg as DomainEventBlockThresholdMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackAgentLifecycleMsg as DomainEventCallbackAgentLifecycleMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackBalloonChangeMsg as DomainEventCallbackBalloonChangeMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventCallbackBlockJobMsg as DomainEventCallbackBlockJobMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackControlErrorMsg as DomainEventCallbackControlErrorMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackDeviceAddedMsg as DomainEventCallbackDeviceAddedMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackDeviceRemovalFailedMsg as DomainEventCallbackDeviceRemovalFailedMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackDeviceRemovedMsg as DomainEventCallbackDeviceRemovedMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackDiskChangeMsg as DomainEventCallbackDiskChangeMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventCallbackGraphicsMsg as DomainEventCallbackGraphicsMsg
from kvmctl.driver.rpc.types.events import DomainEventCallbackIoErrorMsg as DomainEventCallbackIoErrorMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackIoErrorReasonMsg as DomainEventCallbackIoErrorReasonMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackJobCompletedMsg as DomainEventCallbackJobCompletedMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventCallbackLifecycleMsg as DomainEventCallbackLifecycleMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackMetadataChangeMsg as DomainEventCallbackMetadataChangeMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackMigrationIterationMsg as DomainEventCallbackMigrationIterationMsg,
)
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackPmsuspendDiskMsg as DomainEventCallbackPmsuspendDiskMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventCallbackPmsuspendMsg as DomainEventCallbackPmsuspendMsg
from kvmctl.driver.rpc.types.events import DomainEventCallbackPmwakeupMsg as DomainEventCallbackPmwakeupMsg
from kvmctl.driver.rpc.types.events import DomainEventCallbackRebootMsg as DomainEventCallbackRebootMsg
from kvmctl.driver.rpc.types.events import DomainEventCallbackRtcChangeMsg as DomainEventCallbackRtcChangeMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventCallbackTrayChangeMsg as DomainEventCallbackTrayChangeMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventCallbackTunableMsg as DomainEventCallbackTunableMsg
from kvmctl.driver.rpc.types.events import DomainEventCallbackWatchdogMsg as DomainEventCallbackWatchdogMsg
from kvmctl.driver.rpc.types.events import DomainEventControlErrorMsg as DomainEventControlErrorMsg
from kvmctl.driver.rpc.types.events import DomainEventDeviceRemovedMsg as DomainEventDeviceRemovedMsg
from kvmctl.driver.rpc.types.events import DomainEventDiskChangeMsg as DomainEventDiskChangeMsg
from kvmctl.driver.rpc.types.events import DomainEventGraphicsAddress as DomainEventGraphicsAddress
from kvmctl.driver.rpc.types.events import DomainEventGraphicsIdentity as DomainEventGraphicsIdentity
from kvmctl.driver.rpc.types.events import DomainEventGraphicsMsg as DomainEventGraphicsMsg
from kvmctl.driver.rpc.types.events import DomainEventIoErrorMsg as DomainEventIoErrorMsg
from kvmctl.driver.rpc.types.events import DomainEventIoErrorReasonMsg as DomainEventIoErrorReasonMsg
from kvmctl.driver.rpc.types.events import DomainEventLifecycleMsg as DomainEventLifecycleMsg
from kvmctl.driver.rpc.types.events import (
    DomainEventMemoryDeviceSizeChangeMsg as DomainEventMemoryDeviceSizeChangeMsg,
)
from kvmctl.driver.rpc.types.events import DomainEventMemoryFailureMsg as DomainEventMemoryFailureMsg
from kvmctl.driver.rpc.types.events import DomainEventPmsuspendDiskMsg as DomainEventPmsuspendDiskMsg
from kvmctl.driver.rpc.types.events import DomainEventPmsuspendMsg as DomainEventPmsuspendMsg
from kvmctl.driver.rpc.types.events import DomainEventPmwakeupMsg as DomainEventPmwakeupMsg
from kvmctl.driver.rpc.types.events import DomainEventRebootMsg as DomainEventRebootMsg
from kvmctl.driver.rpc.types.events import DomainEventRtcChangeMsg as DomainEventRtcChangeMsg
from kvmctl.driver.rpc.types.events import DomainEventTrayChangeMsg as DomainEventTrayChangeMsg
from kvmctl.driver.rpc.types.events import DomainEventWatchdogMsg as DomainEventWatchdogMsg
from kvmctl.driver.rpc.types.events import NetworkEventLifecycleMsg as NetworkEventLifecycleMsg
from kvmctl.driver.rpc.types.events import NodeDeviceEventLifecycleMsg as NodeDeviceEventLifecycleMsg
from kvmctl.driver.rpc.types.events import NodeDeviceEventUpdateMsg as NodeDeviceEventUpdateMsg
from kvmctl.driver.rpc.types.events import SecretEventLifecycleMsg as SecretEventLifecycleMsg
from kvmctl.driver.rpc.types.events import SecretEventValueChangedMsg as SecretEventValueChangedMsg
from kvmctl.driver.rpc.types.events import StoragePoolEventLifecycleMsg as StoragePoolEventLifecycleMsg
from kvmctl.driver.rpc.types.events import StoragePoolEventRefreshMsg as StoragePoolEventRefreshMsg
from kvmctl.driver.rpc.types.interface import ConnectListAllInterfacesArgs as ConnectListAllInterfacesArgs
from kvmctl.driver.rpc.types.interface import ConnectListAllInterfacesRet as ConnectListAllInterfacesRet
from kvmctl.driver.rpc.types.interface import (
    ConnectListDefinedInterfacesArgs as ConnectListDefinedInterfacesArgs,
)
from kvmctl.driver.rpc.types.interface import (
    ConnectListDefinedInterfacesRet as ConnectListDefinedInterfacesRet,
)
from kvmctl.driver.rpc.types.interface import ConnectListInterfacesArgs as ConnectListInterfacesArgs
from kvmctl.driver.rpc.types.interface import ConnectListInterfacesRet as ConnectListInterfacesRet
from kvmctl.driver.rpc.types.interface import (
    ConnectNumOfDefinedInterfacesRet as ConnectNumOfDefinedInterfacesRet,
)
from kvmctl.driver.rpc.types.interface import ConnectNumOfInterfacesRet as ConnectNumOfInterfacesRet
from kvmctl.driver.rpc.types.interface import InterfaceChangeBeginArgs as InterfaceChangeBeginArgs
from kvmctl.driver.rpc.types.interface import InterfaceChangeCommitArgs as InterfaceChangeCommitArgs
from kvmctl.driver.rpc.types.interface import InterfaceChangeRollbackArgs as InterfaceChangeRollbackArgs
from kvmctl.driver.rpc.types.interface import InterfaceCreateArgs as InterfaceCreateArgs
from kvmctl.driver.rpc.types.interface import InterfaceDefineXmlArgs as InterfaceDefineXmlArgs
from kvmctl.driver.rpc.types.interface import InterfaceDefineXmlRet as InterfaceDefineXmlRet
from kvmctl.driver.rpc.types.interface import InterfaceDestroyArgs as InterfaceDestroyArgs
from kvmctl.driver.rpc.types.interface import InterfaceGetXmlDescArgs as InterfaceGetXmlDescArgs
from kvmctl.driver.rpc.types.interface import InterfaceGetXmlDescRet as InterfaceGetXmlDescRet
from kvmctl.driver.rpc.types.interface import InterfaceIsActiveArgs as InterfaceIsActiveArgs
from kvmctl.driver.rpc.types.interface import InterfaceIsActiveRet as InterfaceIsActiveRet
from kvmctl.driver.rpc.types.interface import InterfaceLookupByMacStringArgs as InterfaceLookupByMacStringArgs
from kvmctl.driver.rpc.types.interface import InterfaceLookupByMacStringRet as InterfaceLookupByMacStringRet
from kvmctl.driver.rpc.types.interface import InterfaceLookupByNameArgs as InterfaceLookupByNameArgs
from kvmctl.driver.rpc.types.interface import InterfaceLookupByNameRet as InterfaceLookupByNameRet
from kvmctl.driver.rpc.types.interface import InterfaceUndefineArgs as InterfaceUndefineArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateBegin3Args as DomainMigrateBegin3Args
from kvmctl.driver.rpc.types.migration import DomainMigrateBegin3ParamsArgs as DomainMigrateBegin3ParamsArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateBegin3ParamsRet as DomainMigrateBegin3ParamsRet
from kvmctl.driver.rpc.types.migration import DomainMigrateBegin3Ret as DomainMigrateBegin3Ret
from kvmctl.driver.rpc.types.migration import DomainMigrateConfirm3Args as DomainMigrateConfirm3Args
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateConfirm3ParamsArgs as DomainMigrateConfirm3ParamsArgs,
)
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish2Args as DomainMigrateFinish2Args
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish2Ret as DomainMigrateFinish2Ret
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish3Args as DomainMigrateFinish3Args
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish3ParamsArgs as DomainMigrateFinish3ParamsArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish3ParamsRet as DomainMigrateFinish3ParamsRet
from kvmctl.driver.rpc.types.migration import DomainMigrateFinish3Ret as DomainMigrateFinish3Ret
from kvmctl.driver.rpc.types.migration import DomainMigrateFinishArgs as DomainMigrateFinishArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateFinishRet as DomainMigrateFinishRet
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateGetCompressionCacheArgs as DomainMigrateGetCompressionCacheArgs,
)
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateGetCompressionCacheRet as DomainMigrateGetCompressionCacheRet,
)
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateGetMaxDowntimeArgs as DomainMigrateGetMaxDowntimeArgs,
)
from kvmctl.driver.rpc.types.migration import DomainMigrateGetMaxDowntimeRet as DomainMigrateGetMaxDowntimeRet
from kvmctl.driver.rpc.types.migration import DomainMigrateGetMaxSpeedArgs as DomainMigrateGetMaxSpeedArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateGetMaxSpeedRet as DomainMigrateGetMaxSpeedRet
from kvmctl.driver.rpc.types.migration import DomainMigratePerform3Args as DomainMigratePerform3Args
from kvmctl.driver.rpc.types.migration import (
    DomainMigratePerform3ParamsArgs as DomainMigratePerform3ParamsArgs,
)
from kvmctl.driver.rpc.types.migration import DomainMigratePerform3ParamsRet as DomainMigratePerform3ParamsRet
from kvmctl.driver.rpc.types.migration import DomainMigratePerform3Ret as DomainMigratePerform3Ret
from kvmctl.driver.rpc.types.migration import DomainMigratePerformArgs as DomainMigratePerformArgs
from kvmctl.driver.rpc.types.migration import DomainMigratePrepare2Args as DomainMigratePrepare2Args
from kvmctl.driver.rpc.types.migration import DomainMigratePrepare2Ret as DomainMigratePrepare2Ret
from kvmctl.driver.rpc.types.migration import DomainMigratePrepare3Args as DomainMigratePrepare3Args
from kvmctl.driver.rpc.types.migration import (
    DomainMigratePrepare3ParamsArgs as DomainMigratePrepare3ParamsArgs,
)
from kvmctl.driver.rpc.types.migration import DomainMigratePrepare3ParamsRet as DomainMigratePrepare3ParamsRet
from kvmctl.driver.rpc.types.migration import DomainMigratePrepare3Ret as DomainMigratePrepare3Ret
from kvmctl.driver.rpc.types.migration import DomainMigratePrepareArgs as DomainMigratePrepareArgs
from kvmctl.driver.rpc.types.migration import DomainMigratePrepareRet as DomainMigratePrepareRet
from kvmctl.driver.rpc.types.migration import (
    DomainMigratePrepareTunnel3Args as DomainMigratePrepareTunnel3Args,
)
from kvmctl.driver.rpc.types.migration import (
    DomainMigratePrepareTunnel3ParamsArgs as DomainMigratePrepareTunnel3ParamsArgs,
)
from kvmctl.driver.rpc.types.migration import (
    DomainMigratePrepareTunnel3ParamsRet as DomainMigratePrepareTunnel3ParamsRet,
)
from kvmctl.driver.rpc.types.migration import DomainMigratePrepareTunnel3Ret as DomainMigratePrepareTunnel3Ret
from kvmctl.driver.rpc.types.migration import DomainMigratePrepareTunnelArgs as DomainMigratePrepareTunnelArgs
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateSetCompressionCacheArgs as DomainMigrateSetCompressionCacheArgs,
)
from kvmctl.driver.rpc.types.migration import (
    DomainMigrateSetMaxDowntimeArgs as DomainMigrateSetMaxDowntimeArgs,
)
from kvmctl.driver.rpc.types.migration import DomainMigrateSetMaxSpeedArgs as DomainMigrateSetMaxSpeedArgs
from kvmctl.driver.rpc.types.migration import DomainMigrateStartPostCopyArgs as DomainMigrateStartPostCopyArgs
from kvmctl.driver.rpc.types.network import ConnectListAllNetworksArgs as ConnectListAllNetworksArgs
from kvmctl.driver.rpc.types.network import ConnectListAllNetworksRet as ConnectListAllNetworksRet
from kvmctl.driver.rpc.types.network import ConnectListDefinedNetworksArgs as ConnectListDefinedNetworksArgs
from kvmctl.driver.rpc.types.network import ConnectListDefinedNetworksRet as ConnectListDefinedNetworksRet
from kvmctl.driver.rpc.types.network import ConnectListNetworksArgs as ConnectListNetworksArgs
from kvmctl.driver.rpc.types.network import ConnectListNetworksRet as ConnectListNetworksRet
from kvmctl.driver.rpc.types.network import ConnectNumOfDefinedNetworksRet as ConnectNumOfDefinedNetworksRet
from kvmctl.driver.rpc.types.network import ConnectNumOfNetworksRet as ConnectNumOfNetworksRet
from kvmctl.driver.rpc.types.network import NetworkCreateArgs as NetworkCreateArgs
from kvmctl.driver.rpc.types.network import NetworkCreateXmlArgs as NetworkCreateXmlArgs
from kvmctl.driver.rpc.types.network import NetworkCreateXmlFlagsArgs as NetworkCreateXmlFlagsArgs
from kvmctl.driver.rpc.types.network import NetworkCreateXmlFlagsRet as NetworkCreateXmlFlagsRet
from kvmctl.driver.rpc.types.network import NetworkCreateXmlRet as NetworkCreateXmlRet
from kvmctl.driver.rpc.types.network import NetworkDefineXmlArgs as NetworkDefineXmlArgs
from kvmctl.driver.rpc.types.network import NetworkDefineXmlFlagsArgs as NetworkDefineXmlFlagsArgs
from kvmctl.driver.rpc.types.network import NetworkDefineXmlFlagsRet as NetworkDefineXmlFlagsRet
from kvmctl.driver.rpc.types.network import NetworkDefineXmlRet as NetworkDefineXmlRet
from kvmctl.driver.rpc.types.network import NetworkDestroyArgs as NetworkDestroyArgs
from kvmctl.driver.rpc.types.network import NetworkDhcpLease as NetworkDhcpLease
from kvmctl.driver.rpc.types.network import NetworkGetAutostartArgs as NetworkGetAutostartArgs
from kvmctl.driver.rpc.types.network import NetworkGetAutostartRet as NetworkGetAutostartRet
from kvmctl.driver.rpc.types.network import NetworkGetBridgeNameArgs as NetworkGetBridgeNameArgs
from kvmctl.driver.rpc.types.network import NetworkGetBridgeNameRet as NetworkGetBridgeNameRet
from kvmctl.driver.rpc.types.network import NetworkGetDhcpLeasesArgs as NetworkGetDhcpLeasesArgs
from kvmctl.driver.rpc.types.network import NetworkGetDhcpLeasesRet as NetworkGetDhcpLeasesRet
from kvmctl.driver.rpc.types.network import NetworkGetXmlDescArgs as NetworkGetXmlDescArgs
from kvmctl.driver.rpc.types.network import NetworkGetXmlDescRet as NetworkGetXmlDescRet
from kvmctl.driver.rpc.types.network import NetworkIsActiveArgs as NetworkIsActiveArgs
from kvmctl.driver.rpc.types.network import NetworkIsActiveRet as NetworkIsActiveRet
from kvmctl.driver.rpc.types.network import NetworkIsPersistentArgs as NetworkIsPersistentArgs
from kvmctl.driver.rpc.types.network import NetworkIsPersistentRet as NetworkIsPersistentRet
from kvmctl.driver.rpc.types.network import NetworkListAllPortsArgs as NetworkListAllPortsArgs
from kvmctl.driver.rpc.types.network import NetworkListAllPortsRet as NetworkListAllPortsRet
from kvmctl.driver.rpc.types.network import NetworkLookupByNameArgs as NetworkLookupByNameArgs
from kvmctl.driver.rpc.types.network import NetworkLookupByNameRet as NetworkLookupByNameRet
from kvmctl.driver.rpc.types.network import NetworkLookupByUuidArgs as NetworkLookupByUuidArgs
from kvmctl.driver.rpc.types.network import NetworkLookupByUuidRet as NetworkLookupByUuidRet
from kvmctl.driver.rpc.types.network import NetworkPortCreateXmlArgs as NetworkPortCreateXmlArgs
from kvmctl.driver.rpc.types.network import NetworkPortCreateXmlRet as NetworkPortCreateXmlRet
from kvmctl.driver.rpc.types.network import NetworkPortDeleteArgs as NetworkPortDeleteArgs
from kvmctl.driver.rpc.types.network import NetworkPortGetParametersArgs as NetworkPortGetParametersArgs
from kvmctl.driver.rpc.types.network import NetworkPortGetParametersRet as NetworkPortGetParametersRet
from kvmctl.driver.rpc.types.network import NetworkPortGetXmlDescArgs as NetworkPortGetXmlDescArgs
from kvmctl.driver.rpc.types.network import NetworkPortGetXmlDescRet as NetworkPortGetXmlDescRet
from kvmctl.driver.rpc.types.network import NetworkPortLookupByUuidArgs as NetworkPortLookupByUuidArgs
from kvmctl.driver.rpc.types.network import NetworkPortLookupByUuidRet as NetworkPortLookupByUuidRet
from kvmctl.driver.rpc.types.network import NetworkPortSetParametersArgs as NetworkPortSetParametersArgs
from kvmctl.driver.rpc.types.network import NetworkSetAutostartArgs as NetworkSetAutostartArgs
from kvmctl.driver.rpc.types.network import NetworkUndefineArgs as NetworkUndefineArgs
from kvmctl.driver.rpc.types.network import NetworkUpdateArgs as NetworkUpdateArgs
from kvmctl.driver.rpc.types.node import NodeAllocPagesArgs as NodeAllocPagesArgs
from kvmctl.driver.rpc.types.node import NodeAllocPagesRet as NodeAllocPagesRet
from kvmctl.driver.rpc.types.node import NodeGetCellsFreeMemoryArgs as NodeGetCellsFreeMemoryArgs
from kvmctl.driver.rpc.types.node import NodeGetCellsFreeMemoryRet as NodeGetCellsFreeMemoryRet
from kvmctl.driver.rpc.types.node import NodeGetCpuMapArgs as NodeGetCpuMapArgs
from kvmctl.driver.rpc.types.node import NodeGetCpuMapRet as NodeGetCpuMapRet
from kvmctl.driver.rpc.types.node import NodeGetCpuStats as NodeGetCpuStats
from kvmctl.driver.rpc.types.node import NodeGetCpuStatsArgs as NodeGetCpuStatsArgs
from kvmctl.driver.rpc.types.node import NodeGetCpuStatsRet as NodeGetCpuStatsRet
from kvmctl.driver.rpc.types.node import NodeGetFreeMemoryRet as NodeGetFreeMemoryRet
from kvmctl.driver.rpc.types.node import NodeGetFreePagesArgs as NodeGetFreePagesArgs
from kvmctl.driver.rpc.types.node import NodeGetFreePagesRet as NodeGetFreePagesRet
from kvmctl.driver.rpc.types.node import NodeGetInfoRet as NodeGetInfoRet
from kvmctl.driver.rpc.types.node import NodeGetMemoryParametersArgs as NodeGetMemoryParametersArgs
from kvmctl.driver.rpc.types.node import NodeGetMemoryParametersRet as NodeGetMemoryParametersRet
from kvmctl.driver.rpc.types.node import NodeGetMemoryStats as NodeGetMemoryStats
from kvmctl.driver.rpc.types.node import NodeGetMemoryStatsArgs as NodeGetMemoryStatsArgs
from kvmctl.driver.rpc.types.node import NodeGetMemoryStatsRet as NodeGetMemoryStatsRet
from kvmctl.driver.rpc.types.node import NodeGetSecurityModelRet as NodeGetSecurityModelRet
from kvmctl.driver.rpc.types.node import NodeGetSevInfoArgs as NodeGetSevInfoArgs
from kvmctl.driver.rpc.types.node import NodeGetSevInfoRet as NodeGetSevInfoRet
from kvmctl.driver.rpc.types.node import NodeSetMemoryParametersArgs as NodeSetMemoryParametersArgs
from kvmctl.driver.rpc.types.node import NodeSuspendForDurationArgs as NodeSuspendForDurationArgs
from kvmctl.driver.rpc.types.node_device import ConnectListAllNodeDevicesArgs as ConnectListAllNodeDevicesArgs
from kvmctl.driver.rpc.types.node_device import ConnectListAllNodeDevicesRet as ConnectListAllNodeDevicesRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceCreateArgs as NodeDeviceCreateArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceCreateXmlArgs as NodeDeviceCreateXmlArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceCreateXmlRet as NodeDeviceCreateXmlRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceDefineXmlArgs as NodeDeviceDefineXmlArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceDefineXmlRet as NodeDeviceDefineXmlRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceDestroyArgs as NodeDeviceDestroyArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceDetachFlagsArgs as NodeDeviceDetachFlagsArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceDettachArgs as NodeDeviceDettachArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetAutostartArgs as NodeDeviceGetAutostartArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetAutostartRet as NodeDeviceGetAutostartRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetParentArgs as NodeDeviceGetParentArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetParentRet as NodeDeviceGetParentRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetXmlDescArgs as NodeDeviceGetXmlDescArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceGetXmlDescRet as NodeDeviceGetXmlDescRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceIsActiveArgs as NodeDeviceIsActiveArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceIsActiveRet as NodeDeviceIsActiveRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceIsPersistentArgs as NodeDeviceIsPersistentArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceIsPersistentRet as NodeDeviceIsPersistentRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceListCapsArgs as NodeDeviceListCapsArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceListCapsRet as NodeDeviceListCapsRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceLookupByNameArgs as NodeDeviceLookupByNameArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceLookupByNameRet as NodeDeviceLookupByNameRet
from kvmctl.driver.rpc.types.node_device import (
    NodeDeviceLookupScsiHostByWwnArgs as NodeDeviceLookupScsiHostByWwnArgs,
)
from kvmctl.driver.rpc.types.node_device import (
    NodeDeviceLookupScsiHostByWwnRet as NodeDeviceLookupScsiHostByWwnRet,
)
from kvmctl.driver.rpc.types.node_device import NodeDeviceNumOfCapsArgs as NodeDeviceNumOfCapsArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceNumOfCapsRet as NodeDeviceNumOfCapsRet
from kvmctl.driver.rpc.types.node_device import NodeDeviceReAttachArgs as NodeDeviceReAttachArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceResetArgs as NodeDeviceResetArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceSetAutostartArgs as NodeDeviceSetAutostartArgs
from kvmctl.driver.rpc.types.node_device import NodeDeviceUndefineArgs as NodeDeviceUndefineArgs
from kvmctl.driver.rpc.types.node_device import NodeListDevicesArgs as NodeListDevicesArgs
from kvmctl.driver.rpc.types.node_device import NodeListDevicesRet as NodeListDevicesRet
from kvmctl.driver.rpc.types.node_device import NodeNumOfDevicesArgs as NodeNumOfDevicesArgs
from kvmctl.driver.rpc.types.node_device import NodeNumOfDevicesRet as NodeNumOfDevicesRet
from kvmctl.driver.rpc.types.nwfilter import (
    ConnectListAllNwfilterBindingsArgs as ConnectListAllNwfilterBindingsArgs,
)
from kvmctl.driver.rpc.types.nwfilter import (
    ConnectListAllNwfilterBindingsRet as ConnectListAllNwfilterBindingsRet,
)
from kvmctl.driver.rpc.types.nwfilter import ConnectListAllNwfiltersArgs as ConnectListAllNwfiltersArgs
from kvmctl.driver.rpc.types.nwfilter import ConnectListAllNwfiltersRet as ConnectListAllNwfiltersRet
from kvmctl.driver.rpc.types.nwfilter import ConnectListNwfiltersArgs as ConnectListNwfiltersArgs
from kvmctl.driver.rpc.types.nwfilter import ConnectListNwfiltersRet as ConnectListNwfiltersRet
from kvmctl.driver.rpc.types.nwfilter import ConnectNumOfNwfiltersRet as ConnectNumOfNwfiltersRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterBindingCreateXmlArgs as NwfilterBindingCreateXmlArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterBindingCreateXmlRet as NwfilterBindingCreateXmlRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterBindingDeleteArgs as NwfilterBindingDeleteArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterBindingGetXmlDescArgs as NwfilterBindingGetXmlDescArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterBindingGetXmlDescRet as NwfilterBindingGetXmlDescRet
from kvmctl.driver.rpc.types.nwfilter import (
    NwfilterBindingLookupByPortDevArgs as NwfilterBindingLookupByPortDevArgs,
)
from kvmctl.driver.rpc.types.nwfilter import (
    NwfilterBindingLookupByPortDevRet as NwfilterBindingLookupByPortDevRet,
)
from kvmctl.driver.rpc.types.nwfilter import NwfilterDefineXmlArgs as NwfilterDefineXmlArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterDefineXmlFlagsArgs as NwfilterDefineXmlFlagsArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterDefineXmlFlagsRet as NwfilterDefineXmlFlagsRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterDefineXmlRet as NwfilterDefineXmlRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterGetXmlDescArgs as NwfilterGetXmlDescArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterGetXmlDescRet as NwfilterGetXmlDescRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterLookupByNameArgs as NwfilterLookupByNameArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterLookupByNameRet as NwfilterLookupByNameRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterLookupByUuidArgs as NwfilterLookupByUuidArgs
from kvmctl.driver.rpc.types.nwfilter import NwfilterLookupByUuidRet as NwfilterLookupByUuidRet
from kvmctl.driver.rpc.types.nwfilter import NwfilterUndefineArgs as NwfilterUndefineArgs
from kvmctl.driver.rpc.types.objects import Domain as Domain
from kvmctl.driver.rpc.types.objects import DomainCheckpoint as DomainCheckpoint
from kvmctl.driver.rpc.types.objects import DomainSnapshot as DomainSnapshot
from kvmctl.driver.rpc.types.objects import Interface as Interface
from kvmctl.driver.rpc.types.objects import Network as Network
from kvmctl.driver.rpc.types.objects import NetworkPort as NetworkPort
from kvmctl.driver.rpc.types.objects import NodeDevice as NodeDevice
from kvmctl.driver.rpc.types.objects import Nwfilter as Nwfilter
from kvmctl.driver.rpc.types.objects import NwfilterBinding as NwfilterBinding
from kvmctl.driver.rpc.types.objects import Secret as Secret
from kvmctl.driver.rpc.types.objects import StoragePool as StoragePool
from kvmctl.driver.rpc.types.objects import StorageVol as StorageVol
from kvmctl.driver.rpc.types.params import ParamType as ParamType
from kvmctl.driver.rpc.types.params import TypedParam as TypedParam
from kvmctl.driver.rpc.types.secret import ConnectListAllSecretsArgs as ConnectListAllSecretsArgs
from kvmctl.driver.rpc.types.secret import ConnectListAllSecretsRet as ConnectListAllSecretsRet
from kvmctl.driver.rpc.types.secret import ConnectListSecretsArgs as ConnectListSecretsArgs
from kvmctl.driver.rpc.types.secret import ConnectListSecretsRet as ConnectListSecretsRet
from kvmctl.driver.rpc.types.secret import ConnectNumOfSecretsRet as ConnectNumOfSecretsRet
from kvmctl.driver.rpc.types.secret import SecretDefineXmlArgs as SecretDefineXmlArgs
from kvmctl.driver.rpc.types.secret import SecretDefineXmlRet as SecretDefineXmlRet
from kvmctl.driver.rpc.types.secret import SecretGetValueArgs as SecretGetValueArgs
from kvmctl.driver.rpc.types.secret import SecretGetValueRet as SecretGetValueRet
from kvmctl.driver.rpc.types.secret import SecretGetXmlDescArgs as SecretGetXmlDescArgs
from kvmctl.driver.rpc.types.secret import SecretGetXmlDescRet as SecretGetXmlDescRet
from kvmctl.driver.rpc.types.secret import SecretLookupByUsageArgs as SecretLookupByUsageArgs
from kvmctl.driver.rpc.types.secret import SecretLookupByUsageRet as SecretLookupByUsageRet
from kvmctl.driver.rpc.types.secret import SecretLookupByUuidArgs as SecretLookupByUuidArgs
from kvmctl.driver.rpc.types.secret import SecretLookupByUuidRet as SecretLookupByUuidRet
from kvmctl.driver.rpc.types.secret import SecretSetValueArgs as SecretSetValueArgs
from kvmctl.driver.rpc.types.secret import SecretUndefineArgs as SecretUndefineArgs
from kvmctl.driver.rpc.types.snapshot import DomainHasCurrentSnapshotArgs as DomainHasCurrentSnapshotArgs
from kvmctl.driver.rpc.types.snapshot import DomainHasCurrentSnapshotRet as DomainHasCurrentSnapshotRet
from kvmctl.driver.rpc.types.snapshot import DomainListAllSnapshotsArgs as DomainListAllSnapshotsArgs
from kvmctl.driver.rpc.types.snapshot import DomainListAllSnapshotsRet as DomainListAllSnapshotsRet
from kvmctl.driver.rpc.types.snapshot import DomainRevertToSnapshotArgs as DomainRevertToSnapshotArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotCreateXmlArgs as DomainSnapshotCreateXmlArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotCreateXmlRet as DomainSnapshotCreateXmlRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotCurrentArgs as DomainSnapshotCurrentArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotCurrentRet as DomainSnapshotCurrentRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotDeleteArgs as DomainSnapshotDeleteArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotGetParentArgs as DomainSnapshotGetParentArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotGetParentRet as DomainSnapshotGetParentRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotGetXmlDescArgs as DomainSnapshotGetXmlDescArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotGetXmlDescRet as DomainSnapshotGetXmlDescRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotHasMetadataArgs as DomainSnapshotHasMetadataArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotHasMetadataRet as DomainSnapshotHasMetadataRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotIsCurrentArgs as DomainSnapshotIsCurrentArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotIsCurrentRet as DomainSnapshotIsCurrentRet
from kvmctl.driver.rpc.types.snapshot import (
    DomainSnapshotListAllChildrenArgs as DomainSnapshotListAllChildrenArgs,
)
from kvmctl.driver.rpc.types.snapshot import (
    DomainSnapshotListAllChildrenRet as DomainSnapshotListAllChildrenRet,
)
from kvmctl.driver.rpc.types.snapshot import (
    DomainSnapshotListChildrenNamesArgs as DomainSnapshotListChildrenNamesArgs,
)
from kvmctl.driver.rpc.types.snapshot import (
    DomainSnapshotListChildrenNamesRet as DomainSnapshotListChildrenNamesRet,
)
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotListNamesArgs as DomainSnapshotListNamesArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotListNamesRet as DomainSnapshotListNamesRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotLookupByNameArgs as DomainSnapshotLookupByNameArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotLookupByNameRet as DomainSnapshotLookupByNameRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotNumArgs as DomainSnapshotNumArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotNumChildrenArgs as DomainSnapshotNumChildrenArgs
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotNumChildrenRet as DomainSnapshotNumChildrenRet
from kvmctl.driver.rpc.types.snapshot import DomainSnapshotNumRet as DomainSnapshotNumRet
from kvmctl.driver.rpc.types.storage import (
    ConnectFindStoragePoolSourcesArgs as ConnectFindStoragePoolSourcesArgs,
)
from kvmctl.driver.rpc.types.storage import (
    ConnectFindStoragePoolSourcesRet as ConnectFindStoragePoolSourcesRet,
)
from kvmctl.driver.rpc.types.storage import (
    ConnectGetStoragePoolCapabilitiesArgs as ConnectGetStoragePoolCapabilitiesArgs,
)
from kvmctl.driver.rpc.types.storage import (
    ConnectGetStoragePoolCapabilitiesRet as ConnectGetStoragePoolCapabilitiesRet,
)
from kvmctl.driver.rpc.types.storage import ConnectListAllStoragePoolsArgs as ConnectListAllStoragePoolsArgs
from kvmctl.driver.rpc.types.storage import ConnectListAllStoragePoolsRet as ConnectListAllStoragePoolsRet
from kvmctl.driver.rpc.types.storage import (
    ConnectListDefinedStoragePoolsArgs as ConnectListDefinedStoragePoolsArgs,
)
from kvmctl.driver.rpc.types.storage import (
    ConnectListDefinedStoragePoolsRet as ConnectListDefinedStoragePoolsRet,
)
from kvmctl.driver.rpc.types.storage import ConnectListStoragePoolsArgs as ConnectListStoragePoolsArgs
from kvmctl.driver.rpc.types.storage import ConnectListStoragePoolsRet as ConnectListStoragePoolsRet
from kvmctl.driver.rpc.types.storage import (
    ConnectNumOfDefinedStoragePoolsRet as ConnectNumOfDefinedStoragePoolsRet,
)
from kvmctl.driver.rpc.types.storage import ConnectNumOfStoragePoolsRet as ConnectNumOfStoragePoolsRet
from kvmctl.driver.rpc.types.storage import StoragePoolBuildArgs as StoragePoolBuildArgs
from kvmctl.driver.rpc.types.storage import StoragePoolCreateArgs as StoragePoolCreateArgs
from kvmctl.driver.rpc.types.storage import StoragePoolCreateXmlArgs as StoragePoolCreateXmlArgs
from kvmctl.driver.rpc.types.storage import StoragePoolCreateXmlRet as StoragePoolCreateXmlRet
from kvmctl.driver.rpc.types.storage import StoragePoolDefineXmlArgs as StoragePoolDefineXmlArgs
from kvmctl.driver.rpc.types.storage import StoragePoolDefineXmlRet as StoragePoolDefineXmlRet
from kvmctl.driver.rpc.types.storage import StoragePoolDeleteArgs as StoragePoolDeleteArgs
from kvmctl.driver.rpc.types.storage import StoragePoolDestroyArgs as StoragePoolDestroyArgs
from kvmctl.driver.rpc.types.storage import StoragePoolGetAutostartArgs as StoragePoolGetAutostartArgs
from kvmctl.driver.rpc.types.storage import StoragePoolGetAutostartRet as StoragePoolGetAutostartRet
from kvmctl.driver.rpc.types.storage import StoragePoolGetInfoArgs as StoragePoolGetInfoArgs
from kvmctl.driver.rpc.types.storage import StoragePoolGetInfoRet as StoragePoolGetInfoRet
from kvmctl.driver.rpc.types.storage import StoragePoolGetXmlDescArgs as StoragePoolGetXmlDescArgs
from kvmctl.driver.rpc.types.storage import StoragePoolGetXmlDescRet as StoragePoolGetXmlDescRet
from kvmctl.driver.rpc.types.storage import StoragePoolIsActiveArgs as StoragePoolIsActiveArgs
from kvmctl.driver.rpc.types.storage import StoragePoolIsActiveRet as StoragePoolIsActiveRet
from kvmctl.driver.rpc.types.storage import StoragePoolIsPersistentArgs as StoragePoolIsPersistentArgs
from kvmctl.driver.rpc.types.storage import StoragePoolIsPersistentRet as StoragePoolIsPersistentRet
from kvmctl.driver.rpc.types.storage import StoragePoolListAllVolumesArgs as StoragePoolListAllVolumesArgs
from kvmctl.driver.rpc.types.storage import StoragePoolListAllVolumesRet as StoragePoolListAllVolumesRet
from kvmctl.driver.rpc.types.storage import StoragePoolListVolumesArgs as StoragePoolListVolumesArgs
from kvmctl.driver.rpc.types.storage import StoragePoolListVolumesRet as StoragePoolListVolumesRet
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByNameArgs as StoragePoolLookupByNameArgs
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByNameRet as StoragePoolLookupByNameRet
from kvmctl.driver.rpc.types.storage import (
    StoragePoolLookupByTargetPathArgs as StoragePoolLookupByTargetPathArgs,
)
from kvmctl.driver.rpc.types.storage import (
    StoragePoolLookupByTargetPathRet as StoragePoolLookupByTargetPathRet,
)
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByUuidArgs as StoragePoolLookupByUuidArgs
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByUuidRet as StoragePoolLookupByUuidRet
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByVolumeArgs as StoragePoolLookupByVolumeArgs
from kvmctl.driver.rpc.types.storage import StoragePoolLookupByVolumeRet as StoragePoolLookupByVolumeRet
from kvmctl.driver.rpc.types.storage import StoragePoolNumOfVolumesArgs as StoragePoolNumOfVolumesArgs
from kvmctl.driver.rpc.types.storage import StoragePoolNumOfVolumesRet as StoragePoolNumOfVolumesRet
from kvmctl.driver.rpc.types.storage import StoragePoolRefreshArgs as StoragePoolRefreshArgs
from kvmctl.driver.rpc.types.storage import StoragePoolSetAutostartArgs as StoragePoolSetAutostartArgs
from kvmctl.driver.rpc.types.storage import StoragePoolUndefineArgs as StoragePoolUndefineArgs
from kvmctl.driver.rpc.types.storage import StorageVolCreateXmlArgs as StorageVolCreateXmlArgs
from kvmctl.driver.rpc.types.storage import StorageVolCreateXmlFromArgs as StorageVolCreateXmlFromArgs
from kvmctl.driver.rpc.types.storage import StorageVolCreateXmlFromRet as StorageVolCreateXmlFromRet
from kvmctl.driver.rpc.types.storage import StorageVolCreateXmlRet as StorageVolCreateXmlRet
from kvmctl.driver.rpc.types.storage import StorageVolDeleteArgs as StorageVolDeleteArgs
from kvmctl.driver.rpc.types.storage import StorageVolDownloadArgs as StorageVolDownloadArgs
from kvmctl.driver.rpc.types.storage import StorageVolGetInfoArgs as StorageVolGetInfoArgs
from kvmctl.driver.rpc.types.storage import StorageVolGetInfoFlagsArgs as StorageVolGetInfoFlagsArgs
from kvmctl.driver.rpc.types.storage import StorageVolGetInfoFlagsRet as StorageVolGetInfoFlagsRet
from kvmctl.driver.rpc.types.storage import StorageVolGetInfoRet as StorageVolGetInfoRet
from kvmctl.driver.rpc.types.storage import StorageVolGetPathArgs as StorageVolGetPathArgs
from kvmctl.driver.rpc.types.storage import StorageVolGetPathRet as StorageVolGetPathRet
from kvmctl.driver.rpc.types.storage import StorageVolGetXmlDescArgs as StorageVolGetXmlDescArgs
from kvmctl.driver.rpc.types.storage import StorageVolGetXmlDescRet as StorageVolGetXmlDescRet
from kvmctl.driver.rpc.types.storage import StorageVolLookupByKeyArgs as StorageVolLookupByKeyArgs
from kvmctl.driver.rpc.types.storage import StorageVolLookupByKeyRet as StorageVolLookupByKeyRet
from kvmctl.driver.rpc.types.storage import StorageVolLookupByNameArgs as StorageVolLookupByNameArgs
from kvmctl.driver.rpc.types.storage import StorageVolLookupByNameRet as StorageVolLookupByNameRet
from kvmctl.driver.rpc.types.storage import StorageVolLookupByPathArgs as StorageVolLookupByPathArgs
from kvmctl.driver.rpc.types.storage import StorageVolLookupByPathRet as StorageVolLookupByPathRet
from kvmctl.driver.rpc.types.storage import StorageVolResizeArgs as StorageVolResizeArgs
from kvmctl.driver.rpc.types.storage import StorageVolUploadArgs as StorageVolUploadArgs
from kvmctl.driver.rpc.types.storage import StorageVolWipeArgs as StorageVolWipeArgs
from kvmctl.driver.rpc.types.storage import StorageVolWipePatternArgs as StorageVolWipePatternArgs
