"""What to use instead of what kvmctl does not run; a path also advises on everything inside it."""

_DIRECT_BOOT = "put the guest's root file system into <initrd>"
_CONSOLE = "use a <serial type='pty'> console"

_ADVICE = {
    "domain/@type": "use type='kvm'",
    "domain/bootloader": "name the kernel in <os><kernel>",
    "domain/os/@firmware": "name the kernel in <os><kernel>",
    "domain/os/loader": "name the kernel in <os><kernel>",
    "domain/os/nvram": "name the kernel in <os><kernel>",
    "domain/os/boot": "name the kernel in <os><kernel>",
    "domain/os/bootmenu": "name the kernel in <os><kernel>",
    "domain/os/type": "use <type>hvm</type>",
    "domain/os/type/@machine": "use machine='pc' or leave it out",
    "domain/os/type/@arch": "use arch='x86_64'",
    "domain/vcpu/@placement": "use placement='static'",
    "domain/clock/@offset": "use offset='utc' or offset='localtime'",
    "domain/on_poweroff": "use 'destroy', 'restart' or 'preserve'",
    "domain/on_reboot": "use 'destroy', 'restart' or 'preserve'",
    "domain/on_crash": "use 'destroy', 'restart' or 'preserve'",
    "domain/devices/disk/@type": "use type='file' or type='block'",
    "domain/devices/disk/@device": "use device='disk'",
    "domain/devices/disk/driver/@type": "convert the image to raw: qemu-img convert -O raw",
    "domain/devices/disk/target/@dev": "use dev='vda', 'vdb', and so on",
    "domain/devices/disk/target/@bus": "use bus='virtio'",
    "domain/devices/filesystem": _DIRECT_BOOT,
    "domain/devices/graphics": _CONSOLE,
    "domain/devices/video": _CONSOLE,
    "domain/devices/parallel": _CONSOLE,
    "domain/devices/channel": _CONSOLE,
    "domain/devices/input": _CONSOLE,
    "domain/devices/serial/@type": "use type='pty' or type='file'",
    "domain/devices/console/@type": "use type='pty' or type='file'",
    "domain/devices/serial/address": "leave it out: ports 0 to 3 are at 0x3f8, 0x2f8, 0x3e8 and 0x2e8",
    "domain/devices/serial/target/@type": "use type='isa-serial'",
    "domain/devices/serial/target/model": "use <model name='isa-serial'/>",
    "domain/devices/console/target/@type": "use type='serial'",
    "domain/devices/controller": "only its absence can be stated: <controller type='usb' model='none'/>",
    "domain/devices/interface/@type": "use type='bridge' or type='ethernet'",
    "domain/devices/interface/model/@type": "use <model type='virtio'/>",
    "domain/devices/rng/@model": "use model='virtio'",
    "domain/devices/rng/backend/@model": "use <backend model='random'>/dev/urandom</backend>",
    "domain/devices/memballoon": "only its absence can be stated: <memballoon model='none'/>",
}


def advice(path: str) -> str | None:
    """The advice for the nearest place around the path that has any."""
    while path:
        if path in _ADVICE:
            return _ADVICE[path]
        path, _, _ = path.rpartition("/")
    return None
