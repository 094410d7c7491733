"""virDomain: what the guest agent inside does and tells."""

from base64 import b64encode

from kvmctl.domain import MOST_VCPUS
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.cpuset import CPU_SET
from kvmctl.driver.agent import ask
from kvmctl.driver.agentanswers import a_list, an_object, objects, whole
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.guestinfo import GROUPS, SUPPORTED, filesystems_of
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, VirError, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

table = Table()

_SYNC_TO_RTC = 1 << 0  # VIR_DOMAIN_TIME_SYNC
_ENCRYPTED = 1 << 0  # VIR_DOMAIN_PASSWORD_ENCRYPTED
_APPEND_KEYS, _REMOVE_KEYS = 1 << 0, 1 << 1  # virDomainAuthorizedSSHKeysSetFlags
_BLOCK, _DEFAULT, _NOWAIT = -2, -1, 0  # virDomainAgentResponseTimeoutValues
_DEFAULT_SECONDS = 5.0
_INT_MAX = 2**31 - 1
# virNodeSuspendTarget
_SUSPEND = ("guest-suspend-ram", "guest-suspend-disk", "guest-suspend-hybrid")


@table.answers(Procedure.DOMAIN_AGENT_SET_RESPONSE_TIMEOUT)
def domain_agent_set_response_timeout(
    driver: Driver, _connection: Connection, args: types.DomainAgentSetResponseTimeoutArgs
) -> types.DomainAgentSetResponseTimeoutRet:
    check_flags(args.flags, 0, "virDomainAgentSetResponseTimeout")
    if args.timeout < _BLOCK:
        raise failure(
            ErrorCode.INVALID_ARG, f"guest agent timeout '{args.timeout}' is less than the minimum '{_BLOCK}'"
        )
    run = driver.find(args.dom).require_run()
    special = {_BLOCK: None, _DEFAULT: _DEFAULT_SECONDS, _NOWAIT: 0.0}
    run.agent_seconds = special.get(args.timeout, float(args.timeout))
    return types.DomainAgentSetResponseTimeoutRet(result=0)


@table.answers(Procedure.DOMAIN_GET_TIME)
async def domain_get_time(
    driver: Driver, _connection: Connection, args: types.DomainGetTimeArgs
) -> types.DomainGetTimeRet:
    check_flags(args.flags, 0, "virDomainGetTime")
    time = whole(await ask(driver.find(args.dom), "guest-get-time"), 2**63 - 1)
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    return types.DomainGetTimeRet(seconds=seconds, nseconds=nanoseconds)


@table.answers(Procedure.DOMAIN_SET_TIME)
async def domain_set_time(driver: Driver, _connection: Connection, args: types.DomainSetTimeArgs) -> None:
    check_flags(args.flags, _SYNC_TO_RTC, "virDomainSetTime")
    arguments = None
    if not args.flags & _SYNC_TO_RTC:
        arguments = {"time": args.seconds * 1_000_000_000 + args.nseconds}
    await ask(driver.find(args.dom), "guest-set-time", arguments)


@table.answers(Procedure.DOMAIN_GET_HOSTNAME)
async def domain_get_hostname(
    driver: Driver, _connection: Connection, args: types.DomainGetHostnameArgs
) -> types.DomainGetHostnameRet:
    """From the agent alone: leases belong to the networks (VIR_DOMAIN_GET_HOSTNAME_LEASE)."""
    check_flags(args.flags, 1 << 1, "virDomainGetHostname")
    answer = an_object(await ask(driver.find(args.dom), "guest-get-host-name"))
    name = str(answer.get("host-name", ""))
    if not name:
        raise failure(ErrorCode.NO_HOSTNAME, f"no hostname found for domain {args.dom.name}")
    return types.DomainGetHostnameRet(hostname=name)


@table.answers(Procedure.DOMAIN_GET_FSINFO)
async def domain_get_fsinfo(
    driver: Driver, _connection: Connection, args: types.DomainGetFsinfoArgs
) -> types.DomainGetFsinfoRet:
    check_flags(args.flags, 0, "virDomainGetFSInfo")
    domain = driver.find(args.dom)
    found = tuple(
        types.DomainFsinfo(
            mountpoint=filesystem.mountpoint,
            name=filesystem.name,
            fstype=filesystem.fstype,
            dev_aliases=tuple(disk.alias for disk in filesystem.disks if disk.alias),
        )
        for filesystem in filesystems_of(domain.definition, await ask(domain, "guest-get-fsinfo"))
    )
    return types.DomainGetFsinfoRet(info=found, ret=len(found))


@table.answers(Procedure.DOMAIN_FSFREEZE)
async def domain_fsfreeze(
    driver: Driver, _connection: Connection, args: types.DomainFsfreezeArgs
) -> types.DomainFsfreezeRet:
    check_flags(args.flags, 0, "virDomainFSFreeze")
    domain = driver.find(args.dom)
    if args.mountpoints:
        arguments = {"mountpoints": list(args.mountpoints)}
        count = await ask(domain, "guest-fsfreeze-freeze-list", arguments)
    else:
        count = await ask(domain, "guest-fsfreeze-freeze")
    return types.DomainFsfreezeRet(filesystems=whole(count, _INT_MAX))


@table.answers(Procedure.DOMAIN_FSTHAW)
async def domain_fsthaw(
    driver: Driver, _connection: Connection, args: types.DomainFsthawArgs
) -> types.DomainFsthawRet:
    """The agent thaws all that are frozen, whichever are named."""
    check_flags(args.flags, 0, "virDomainFSThaw")
    count = await ask(driver.find(args.dom), "guest-fsfreeze-thaw")
    return types.DomainFsthawRet(filesystems=whole(count, _INT_MAX))


@table.answers(Procedure.DOMAIN_FSTRIM)
async def domain_fstrim(driver: Driver, _connection: Connection, args: types.DomainFstrimArgs) -> None:
    check_flags(args.flags, 0, "virDomainFSTrim")
    if args.mount_point:
        raise failure(
            ErrorCode.ARGUMENT_UNSUPPORTED, "Specifying mount point is not supported for now by the agent"
        )
    await ask(driver.find(args.dom), "guest-fstrim", {"minimum": args.minimum})


@table.answers(Procedure.DOMAIN_SET_USER_PASSWORD)
async def domain_set_user_password(
    driver: Driver, _connection: Connection, args: types.DomainSetUserPasswordArgs
) -> None:
    check_flags(args.flags, _ENCRYPTED, "virDomainSetUserPassword")
    if not args.user or args.password is None:
        raise failure(ErrorCode.INVALID_ARG, "user and password in virDomainSetUserPassword must not be NULL")
    arguments = {
        "username": args.user,
        "password": b64encode(args.password.encode("utf-8", "surrogateescape")).decode(),
        "crypted": bool(args.flags & _ENCRYPTED),
    }
    await ask(driver.find(args.dom), "guest-set-user-password", arguments)


@table.answers(Procedure.DOMAIN_GET_GUEST_INFO)
async def domain_get_guest_info(
    driver: Driver, _connection: Connection, args: types.DomainGetGuestInfoArgs
) -> types.DomainGetGuestInfoRet:
    """All groups that the agent knows or, where groups are named, these and no failing one."""
    check_flags(args.flags, 0, "virDomainGetGuestInfo")
    if args.types & ~SUPPORTED:
        raise failure(
            ErrorCode.INVALID_ARG, f"unsupported guest information types '0x{args.types & ~SUPPORTED:x}'"
        )
    domain = driver.find(args.dom)
    params: list[TypedParam] = []
    for bit, (command, describe) in GROUPS.items():
        if args.types and not args.types & bit:
            continue
        try:
            answer = await ask(domain, command)
        except VirError as error:
            if args.types or error.code != ErrorCode.INTERNAL_ERROR:
                raise
            continue
        params += describe(domain.definition, answer)
    return types.DomainGetGuestInfoRet(params=tuple(params))


@table.answers(Procedure.DOMAIN_GET_GUEST_VCPUS)
async def domain_get_guest_vcpus(
    driver: Driver, _connection: Connection, args: types.DomainGetGuestVcpusArgs
) -> types.DomainGetGuestVcpusRet:
    check_flags(args.flags, 0, "virDomainGetGuestVcpus")
    vcpus = objects(await ask(driver.find(args.dom), "guest-get-vcpus"))
    numbered = [(whole(vcpu.get("logical-id"), MOST_VCPUS - 1), vcpu) for vcpu in vcpus]
    masks = {
        "vcpus": {at for at, _ in numbered},
        "online": {at for at, vcpu in numbered if vcpu.get("online")},
        "offlinable": {at for at, vcpu in numbered if vcpu.get("can-offline")},
    }
    params = tuple(
        TypedParam.of(name, ParamType.STRING, CPU_SET.format(numbers)) for name, numbers in masks.items()
    )
    return types.DomainGetGuestVcpusRet(params=params)


@table.answers(Procedure.DOMAIN_SET_GUEST_VCPUS)
async def domain_set_guest_vcpus(
    driver: Driver, _connection: Connection, args: types.DomainSetGuestVcpusArgs
) -> None:
    check_flags(args.flags, 0, "virDomainSetGuestVcpus")
    if args.state not in (0, 1):
        raise failure(ErrorCode.INVALID_ARG, "unsupported state value")
    try:
        numbers = sorted(CPU_SET.parse(args.cpumap))
    except BadValueError as error:
        raise failure(ErrorCode.INVALID_ARG, f"vCPUs '{args.cpumap}': {error}") from error
    vcpus = [{"logical-id": number, "online": bool(args.state)} for number in numbers]
    done = whole(await ask(driver.find(args.dom), "guest-set-vcpus", {"vcpus": vcpus}), _INT_MAX)
    if done != len(vcpus):
        raise failure(ErrorCode.INTERNAL_ERROR, f"the guest agent changed {done} of {len(vcpus)} vCPUs")


@table.answers(Procedure.DOMAIN_AUTHORIZED_SSH_KEYS_GET)
async def domain_authorized_ssh_keys_get(
    driver: Driver, _connection: Connection, args: types.DomainAuthorizedSshKeysGetArgs
) -> types.DomainAuthorizedSshKeysGetRet:
    check_flags(args.flags, 0, "virDomainAuthorizedSSHKeysGet")
    answer = await ask(driver.find(args.dom), "guest-ssh-get-authorized-keys", {"username": args.user})
    keys = tuple(str(key) for key in a_list(an_object(answer).get("keys", [])))
    return types.DomainAuthorizedSshKeysGetRet(keys=keys)


@table.answers(Procedure.DOMAIN_AUTHORIZED_SSH_KEYS_SET)
async def domain_authorized_ssh_keys_set(
    driver: Driver, _connection: Connection, args: types.DomainAuthorizedSshKeysSetArgs
) -> None:
    check_flags(args.flags, _APPEND_KEYS | _REMOVE_KEYS, "virDomainAuthorizedSSHKeysSet")
    arguments: dict[str, object] = {"username": args.user, "keys": list(args.keys)}
    command = "guest-ssh-remove-authorized-keys"
    if not args.flags & _REMOVE_KEYS:
        command = "guest-ssh-add-authorized-keys"
        arguments["reset"] = not args.flags & _APPEND_KEYS
    await ask(driver.find(args.dom), command, arguments)


@table.answers(Procedure.DOMAIN_PM_SUSPEND_FOR_DURATION)
async def domain_pm_suspend_for_duration(
    driver: Driver, _connection: Connection, args: types.DomainPmSuspendForDurationArgs
) -> None:
    check_flags(args.flags, 0, "virDomainPMSuspendForDuration")
    if args.duration:
        raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, "Duration not supported. Use 0 for now")
    if args.target >= len(_SUSPEND):
        raise failure(ErrorCode.INVALID_ARG, f"Unknown suspend target: {args.target}")
    await ask(driver.find(args.dom), _SUSPEND[args.target], silent=True)
