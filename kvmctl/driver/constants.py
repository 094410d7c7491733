"""Numbers of libvirt's public API (include/libvirt/libvirt-domain.h, libvirt-common.h).

The daemon does not load the libvirt client library, so the few enumerations that travel over the wire are
declared here.
"""

from enum import IntEnum, IntFlag


class State(IntEnum):
    """virDomainState"""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class RunningReason(IntEnum):
    """virDomainRunningReason"""

    UNKNOWN = 0
    BOOTED = 1
    UNPAUSED = 5


class PausedReason(IntEnum):
    """virDomainPausedReason"""

    UNKNOWN = 0
    USER = 1
    IOERROR = 5
    WATCHDOG = 6
    CRASHED = 10
    STARTING_UP = 11


class ShutdownReason(IntEnum):
    """virDomainShutdownReason"""

    UNKNOWN = 0
    USER = 1


class ShutoffReason(IntEnum):
    """virDomainShutoffReason"""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    FAILED = 6
    DAEMON = 8


class CrashedReason(IntEnum):
    """virDomainCrashedReason"""

    UNKNOWN = 0
    PANICKED = 1


class EventId(IntEnum):
    """virDomainEventID"""

    LIFECYCLE = 0
    REBOOT = 1
    RTC_CHANGE = 2
    WATCHDOG = 3
    IO_ERROR = 4
    GRAPHICS = 5
    IO_ERROR_REASON = 6
    CONTROL_ERROR = 7
    BLOCK_JOB = 8
    DISK_CHANGE = 9
    TRAY_CHANGE = 10
    PMWAKEUP = 11
    PMSUSPEND = 12
    BALLOON_CHANGE = 13
    PMSUSPEND_DISK = 14
    DEVICE_REMOVED = 15
    BLOCK_JOB_2 = 16
    TUNABLE = 17
    AGENT_LIFECYCLE = 18
    DEVICE_ADDED = 19
    MIGRATION_ITERATION = 20
    JOB_COMPLETED = 21
    DEVICE_REMOVAL_FAILED = 22
    METADATA_CHANGE = 23
    BLOCK_THRESHOLD = 24
    MEMORY_FAILURE = 25
    MEMORY_DEVICE_SIZE_CHANGE = 26


class LifecycleEvent(IntEnum):
    """virDomainEventType"""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


class DefinedDetail(IntEnum):
    """virDomainEventDefinedDetailType"""

    ADDED = 0
    UPDATED = 1
    RENAMED = 2


class UndefinedDetail(IntEnum):
    """virDomainEventUndefinedDetailType"""

    REMOVED = 0
    RENAMED = 1


class StartedDetail(IntEnum):
    """virDomainEventStartedDetailType"""

    BOOTED = 0


class SuspendedDetail(IntEnum):
    """virDomainEventSuspendedDetailType"""

    PAUSED = 0
    IOERROR = 2
    WATCHDOG = 3


class ResumedDetail(IntEnum):
    """virDomainEventResumedDetailType"""

    UNPAUSED = 0


class StoppedDetail(IntEnum):
    """virDomainEventStoppedDetailType"""

    SHUTDOWN = 0
    DESTROYED = 1
    CRASHED = 2
    FAILED = 5


class ShutdownDetail(IntEnum):
    """virDomainEventShutdownDetailType"""

    FINISHED = 0
    GUEST = 1
    HOST = 2


class CrashedDetail(IntEnum):
    """virDomainEventCrashedDetailType"""

    PANICKED = 0


class WatchdogAction(IntEnum):
    """virDomainEventWatchdogAction"""

    NONE = 0
    PAUSE = 1
    RESET = 2
    POWEROFF = 3
    SHUTDOWN = 4
    DEBUG = 5
    INJECTNMI = 6


class DiskError(IntEnum):
    """virDomainDiskErrorCode"""

    NONE = 0
    UNSPEC = 1
    NO_SPACE = 2


class IoErrorAction(IntEnum):
    """virDomainEventIOErrorAction"""

    NONE = 0
    PAUSE = 1
    REPORT = 2


class AgentState(IntEnum):
    """virConnectDomainEventAgentLifecycleState"""

    CONNECTED = 1
    DISCONNECTED = 2


class AgentReason(IntEnum):
    """virConnectDomainEventAgentLifecycleReason"""

    UNKNOWN = 0
    DOMAIN_STARTED = 1
    CHANNEL = 2


class CreateFlags(IntFlag):
    """virDomainCreateFlags"""

    PAUSED = 1 << 0
    AUTODESTROY = 1 << 1
    BYPASS_CACHE = 1 << 2
    FORCE_BOOT = 1 << 3
    VALIDATE = 1 << 4


class DefineFlags(IntFlag):
    """virDomainDefineFlags"""

    VALIDATE = 1 << 0


class DestroyFlags(IntFlag):
    """virDomainDestroyFlagsValues"""

    GRACEFUL = 1 << 0
    REMOVE_LOGS = 1 << 1


class UndefineFlags(IntFlag):
    """virDomainUndefineFlagsValues"""

    MANAGED_SAVE = 1 << 0
    SNAPSHOTS_METADATA = 1 << 1
    NVRAM = 1 << 2
    KEEP_NVRAM = 1 << 3
    CHECKPOINTS_METADATA = 1 << 4
    TPM = 1 << 5
    KEEP_TPM = 1 << 6


class XmlFlags(IntFlag):
    """virDomainXMLFlags"""

    SECURE = 1 << 0
    INACTIVE = 1 << 1
    UPDATE_CPU = 1 << 2
    MIGRATABLE = 1 << 3


class AffectFlags(IntFlag):
    """virDomainModificationImpact"""

    LIVE = 1 << 0
    CONFIG = 1 << 1


class VcpuFlags(IntFlag):
    """virDomainVcpuFlags"""

    LIVE = 1 << 0
    CONFIG = 1 << 1
    MAXIMUM = 1 << 2
    GUEST = 1 << 3
    HOTPLUGGABLE = 1 << 4


class MemoryFlags(IntFlag):
    """virDomainMemoryModFlags"""

    LIVE = 1 << 0
    CONFIG = 1 << 1
    MAXIMUM = 1 << 2


class ConsoleFlags(IntFlag):
    """virDomainConsoleFlags"""

    FORCE = 1 << 0
    SAFE = 1 << 1


class ListFlags(IntFlag):
    """virConnectListAllDomainsFlags"""

    ACTIVE = 1 << 0
    INACTIVE = 1 << 1
    PERSISTENT = 1 << 2
    TRANSIENT = 1 << 3
    RUNNING = 1 << 4
    PAUSED = 1 << 5
    SHUTOFF = 1 << 6
    OTHER = 1 << 7
    MANAGEDSAVE = 1 << 8
    NO_MANAGEDSAVE = 1 << 9
    AUTOSTART = 1 << 10
    NO_AUTOSTART = 1 << 11
    HAS_SNAPSHOT = 1 << 12
    NO_SNAPSHOT = 1 << 13
    HAS_CHECKPOINT = 1 << 14
    NO_CHECKPOINT = 1 << 15


class MetadataType(IntEnum):
    """virDomainMetadataType"""

    DESCRIPTION = 0
    TITLE = 1
    ELEMENT = 2
