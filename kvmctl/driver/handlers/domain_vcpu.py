"""virDomain: the number of virtual CPUs, their threads, and the host's processors that these may run on."""

from dataclasses import replace

from kvmctl.domain import MOST_VCPUS, Domain
from kvmctl.domain.cpuset import CPU_SET
from kvmctl.domain.model.cputune import EmulatorPin, VcpuPin
from kvmctl.driver import tuning
from kvmctl.driver.agent import ask
from kvmctl.driver.agentanswers import objects, whole
from kvmctl.driver.constants import AffectFlags, VcpuFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.limits import CPUMAPS_MAX
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.driver.vcpus import current_vcpus, vcpu_threads
from kvmctl.driver.vmprocess import thread_cpu
from kvmctl.host import cpu

table = Table()

_VCPU_RUNNING = 1  # VIR_VCPU_RUNNING
_AFFECT = AffectFlags.LIVE | AffectFlags.CONFIG
_EVENT_VCPU_PIN = "cputune.vcpupin{}"  # VIR_DOMAIN_TUNABLE_CPU_VCPUPIN
_EVENT_EMULATOR_PIN = "cputune.emulatorpin"  # VIR_DOMAIN_TUNABLE_CPU_EMULATORPIN


# The number


@table.answers(Procedure.DOMAIN_GET_MAX_VCPUS)
def domain_get_max_vcpus(
    driver: Driver, _connection: Connection, args: types.DomainGetMaxVcpusArgs
) -> types.DomainGetMaxVcpusRet:
    return types.DomainGetMaxVcpusRet(num=driver.find(args.dom).definition.vcpus)


@table.answers(Procedure.DOMAIN_GET_VCPUS_FLAGS)
async def domain_get_vcpus_flags(
    driver: Driver, _connection: Connection, args: types.DomainGetVcpusFlagsArgs
) -> types.DomainGetVcpusFlagsRet:
    known = VcpuFlags.LIVE | VcpuFlags.CONFIG | VcpuFlags.MAXIMUM | VcpuFlags.GUEST
    check_flags(args.flags, known, "virDomainGetVcpusFlags")
    domain = driver.find(args.dom)
    definition = domain.queried(args.flags)
    if args.flags & VcpuFlags.GUEST:
        domain.require_run()
        if args.flags & (VcpuFlags.CONFIG | VcpuFlags.MAXIMUM):
            raise failure(
                ErrorCode.INVALID_ARG, "vcpus flags GUEST cannot be combined with CONFIG or MAXIMUM"
            )
        vcpus = objects(await ask(domain, "guest-get-vcpus"))
        return types.DomainGetVcpusFlagsRet(num=sum(bool(vcpu.get("online")) for vcpu in vcpus))
    number = definition.vcpus if args.flags & VcpuFlags.MAXIMUM else current_vcpus(definition)
    return types.DomainGetVcpusFlagsRet(num=number)


@table.answers(Procedure.DOMAIN_SET_VCPUS)
async def domain_set_vcpus(driver: Driver, _connection: Connection, args: types.DomainSetVcpusArgs) -> None:
    """Of the running guest, as virDomainSetVcpus has it."""
    domain = driver.find(args.dom)
    domain.require_run()
    await _set_vcpus(driver, domain, args.nvcpus, VcpuFlags.LIVE)


@table.answers(Procedure.DOMAIN_SET_VCPUS_FLAGS)
async def domain_set_vcpus_flags(
    driver: Driver, _connection: Connection, args: types.DomainSetVcpusFlagsArgs
) -> None:
    known = VcpuFlags.LIVE | VcpuFlags.CONFIG | VcpuFlags.MAXIMUM | VcpuFlags.GUEST | VcpuFlags.HOTPLUGGABLE
    check_flags(args.flags, known, "virDomainSetVcpusFlags")
    domain = driver.find(args.dom)
    flags = VcpuFlags(args.flags)
    if VcpuFlags.GUEST in flags:
        await _set_guest_vcpus(domain, args.nvcpus, flags)
    else:
        await _set_vcpus(driver, domain, args.nvcpus, flags)


async def _set_vcpus(driver: Driver, domain: DomainObject, count: int, flags: VcpuFlags) -> None:
    if count == 0:
        raise failure(ErrorCode.INVALID_ARG, "nvcpus in virDomainSetVcpusFlags must not be zero")
    maximum = VcpuFlags.MAXIMUM in flags
    live, config = domain.affected(flags)
    if live and maximum:
        raise failure(ErrorCode.OPERATION_INVALID, "maximum vcpu count of a live domain can't be modified")
    for definition, kind in ((domain.live if live else None, "live"), (domain.config, "persistent")):
        if definition is None or maximum or (kind == "persistent" and not config):
            continue
        if count > definition.vcpus:
            raise failure(
                ErrorCode.INVALID_ARG,
                f"requested vcpus is greater than max allowable vcpus for the {kind} domain: "
                f"{count} > {definition.vcpus}",
            )

    def changed(definition: Domain) -> Domain:
        if not maximum:
            current = None if count == definition.vcpus else count
            return replace(definition, vcpus_current=current, vcpu_states=())
        fewer = min(current_vcpus(definition), count)
        current = None if fewer == count else fewer
        return replace(definition, vcpus=count, vcpus_current=current, vcpu_states=())

    async def apply(wanted: Domain) -> None:
        if current_vcpus(wanted) != current_vcpus(domain.definition):
            raise failure(
                ErrorCode.OPERATION_UNSUPPORTED,
                "the number of vCPUs of a running guest cannot be changed; use --config",
            )

    await driver.definitions.reconfigure(domain, flags, changed, apply)


async def _set_guest_vcpus(domain: DomainObject, count: int, flags: VcpuFlags) -> None:
    """Have the guest use so many of its vCPUs: the first ones, and those that cannot be left out."""
    if flags & (VcpuFlags.CONFIG | VcpuFlags.MAXIMUM):
        raise failure(ErrorCode.INVALID_ARG, "setting vcpus via guest agent needs a live change")
    vcpus = objects(await ask(domain, "guest-get-vcpus"))
    if count > len(vcpus):
        raise failure(
            ErrorCode.INVALID_ARG, f"requested vcpu count is greater than the count of enabled vcpus: {count}"
        )
    fixed = [vcpu for vcpu in vcpus if not vcpu.get("can-offline")]
    others = [vcpu for vcpu in vcpus if vcpu.get("can-offline")]
    if count < len(fixed):
        raise failure(ErrorCode.OPERATION_FAILED, f"{len(fixed)} vCPUs of the guest cannot be taken offline")
    wanted = [
        {"logical-id": whole(vcpu.get("logical-id"), MOST_VCPUS - 1), "online": position < count - len(fixed)}
        for position, vcpu in enumerate(others)
    ]
    if wanted:
        await ask(domain, "guest-set-vcpus", {"vcpus": wanted})


# The threads


def _check_room(maps: int, length: int) -> None:
    """What a client makes room for is what we would have to fill: no more than a message takes."""
    if maps * length > CPUMAPS_MAX:
        raise failure(ErrorCode.INTERNAL_ERROR, f"{maps} CPU maps of {length} bytes are asked for: too many")


def encode_map(cpus: frozenset[int], length: int) -> bytes:
    """Processors as a bit map of so many bytes; what does not fit is left out."""
    length = max(length, 0)
    bits = sum(1 << number for number in cpus)
    return (bits & ((1 << length * 8) - 1)).to_bytes(length, "little")


def decode_map(data: bytes) -> frozenset[int]:
    bits = int.from_bytes(data, "little")
    present = frozenset(number for number in range(bits.bit_length()) if bits >> number & 1)
    chosen = present & frozenset(cpu.present())
    if not chosen:
        raise failure(ErrorCode.INVALID_ARG, "Empty cpu list for pinning")
    return chosen


@table.answers(Procedure.DOMAIN_GET_VCPUS)
async def domain_get_vcpus(
    driver: Driver, _connection: Connection, args: types.DomainGetVcpusArgs
) -> types.DomainGetVcpusRet:
    """Each virtual CPU's thread: its processor time, where it runs and where it may run."""
    domain = driver.find(args.dom)
    if domain.run is None:
        raise failure(ErrorCode.OPERATION_INVALID, "cannot retrieve vcpu information for inactive domain")
    _check_room(args.maxinfo, args.maplen)
    run = domain.run
    info, maps = [], b""
    for number, thread in list((await vcpu_threads(domain)).items())[: max(args.maxinfo, 0)]:
        nanoseconds, host_cpu = thread_cpu(run.process.pid, thread)
        info.append(types.VcpuInfo(number=number, state=_VCPU_RUNNING, cpu_time=nanoseconds, cpu=host_cpu))
        if args.maplen:
            maps += encode_map(await tuning.vcpu_affinity(domain, number), args.maplen)
    return types.DomainGetVcpusRet(info=tuple(info), cpumaps=maps)


def _pin_of(definition: Domain, vcpu: int) -> frozenset[int]:
    for pin in definition.cputune.vcpupins:
        if pin.vcpu == vcpu:
            return pin.cpuset
    return definition.vcpu_cpuset or frozenset(cpu.online())


@table.answers(Procedure.DOMAIN_GET_VCPU_PIN_INFO)
def domain_get_vcpu_pin_info(
    driver: Driver, _connection: Connection, args: types.DomainGetVcpuPinInfoArgs
) -> types.DomainGetVcpuPinInfoRet:
    check_flags(args.flags, _AFFECT, "virDomainGetVcpuPinInfo")
    definition = driver.find(args.dom).queried(args.flags)
    count = min(definition.vcpus, max(args.ncpumaps, 0))
    _check_room(count, args.maplen)
    maps = b"".join(encode_map(_pin_of(definition, vcpu), args.maplen) for vcpu in range(count))
    return types.DomainGetVcpuPinInfoRet(cpumaps=maps, num=count)


@table.answers(Procedure.DOMAIN_PIN_VCPU)
async def domain_pin_vcpu(driver: Driver, _connection: Connection, args: types.DomainPinVcpuArgs) -> None:
    await _pin_vcpu(driver, driver.find(args.dom), args.vcpu, args.cpumap, AffectFlags.LIVE)


@table.answers(Procedure.DOMAIN_PIN_VCPU_FLAGS)
async def domain_pin_vcpu_flags(
    driver: Driver, _connection: Connection, args: types.DomainPinVcpuFlagsArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainPinVcpuFlags")
    await _pin_vcpu(driver, driver.find(args.dom), args.vcpu, args.cpumap, args.flags)


async def _pin_vcpu(driver: Driver, domain: DomainObject, vcpu: int, data: bytes, flags: int) -> None:
    live, config = domain.affected(flags)
    cpus = decode_map(data)
    for definition, kind in ((domain.live if live else None, "live"), (domain.config, "persistent")):
        if definition is None or (kind == "persistent" and not config):
            continue
        if vcpu >= definition.vcpus:
            raise failure(
                ErrorCode.INVALID_ARG,
                f"vcpu {vcpu} is out of range of {kind} cpu count {definition.vcpus}",
            )

    def changed(definition: Domain) -> Domain:
        others = [pin for pin in definition.cputune.vcpupins if pin.vcpu != vcpu]
        pins = sorted([*others, VcpuPin(vcpu=vcpu, cpuset=cpus)], key=lambda pin: pin.vcpu)
        return replace(definition, cputune=replace(definition.cputune, vcpupins=tuple(pins)))

    async def apply(_wanted: Domain) -> None:
        await tuning.pin_vcpu(domain, vcpu, cpus)

    await driver.definitions.reconfigure(domain, flags, changed, apply)
    if live:
        driver.events.tunable(domain, [_pin_param(_EVENT_VCPU_PIN.format(vcpu), cpus)])


@table.answers(Procedure.DOMAIN_GET_EMULATOR_PIN_INFO)
def domain_get_emulator_pin_info(
    driver: Driver, _connection: Connection, args: types.DomainGetEmulatorPinInfoArgs
) -> types.DomainGetEmulatorPinInfoRet:
    check_flags(args.flags, _AFFECT, "virDomainGetEmulatorPinInfo")
    definition = driver.find(args.dom).queried(args.flags)
    _check_room(1, args.maplen)
    pin = definition.cputune.emulatorpin
    cpus = pin.cpuset if pin is not None else definition.vcpu_cpuset or frozenset(cpu.online())
    return types.DomainGetEmulatorPinInfoRet(cpumaps=encode_map(cpus, args.maplen), ret=1)


@table.answers(Procedure.DOMAIN_PIN_EMULATOR)
async def domain_pin_emulator(
    driver: Driver, _connection: Connection, args: types.DomainPinEmulatorArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainPinEmulator")
    domain = driver.find(args.dom)
    live, _config = domain.affected(args.flags)
    cpus = decode_map(args.cpumap)

    def changed(definition: Domain) -> Domain:
        return replace(definition, cputune=replace(definition.cputune, emulatorpin=EmulatorPin(cpuset=cpus)))

    async def apply(_wanted: Domain) -> None:
        await tuning.pin_emulator(domain, cpus)

    await driver.definitions.reconfigure(domain, args.flags, changed, apply)
    if live:
        driver.events.tunable(domain, [_pin_param(_EVENT_EMULATOR_PIN, cpus)])


def _pin_param(name: str, cpus: frozenset[int]) -> TypedParam:
    return TypedParam.of(name, ParamType.STRING, CPU_SET.format(cpus))


@table.answers(Procedure.DOMAIN_GET_IOTHREAD_INFO)
def domain_get_iothread_info(
    driver: Driver, _connection: Connection, args: types.DomainGetIothreadInfoArgs
) -> types.DomainGetIothreadInfoRet:
    """Devices have threads of their own; there are no numbered ones."""
    check_flags(args.flags, _AFFECT, "virDomainGetIOThreadInfo")
    driver.find(args.dom).queried(args.flags)
    return types.DomainGetIothreadInfoRet(info=(), ret=0)
