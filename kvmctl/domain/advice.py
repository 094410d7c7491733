"""What to use instead of what kvmctl does not run; a path also advises on everything inside it."""

_IMAGE = "use a local image or block device, or a vhost-user server: <disk type='vhostuser'>"
_CONSOLE = "use a <serial type='pty'> console"
_CHARDEV = "use type='pty', type='file', type='unix' or type='null'"
_NONE = "leave it out: this machine has none"
_VIRTIO = "use model='virtio'"

_ADVICE = {
    "domain/@type": "use type='kvm'",
    "domain/bootloader": "name the kernel in <os><kernel>",
    "domain/os/@firmware": "leave it out for a BIOS, or name the kernel in <os><kernel>",
    "domain/os/loader/@type": "use type='rom', or leave <loader> out for SeaBIOS",
    "domain/os/nvram": "leave it out for a BIOS, or name the kernel in <os><kernel>",
    "domain/os/type": "use <type>hvm</type>",
    "domain/os/type/@machine": "use machine='pc' or leave it out",
    "domain/os/type/@arch": "use arch='x86_64'",
    "domain/vcpu/@placement": "use placement='static'",
    "domain/numatune/memory/@placement": "use placement='static' and nodeset='…'",
    "domain/memoryBacking/source/@type": "use type='memfd'",
    "domain/features/hyperv": "leave it out: guests are offered KVM's own interfaces",
    "domain/seclabel/@type": "use type='none'",
    "domain/on_poweroff": "use 'destroy', 'restart' or 'preserve'",
    "domain/on_reboot": "use 'destroy', 'restart' or 'preserve'",
    "domain/on_crash": "use 'destroy', 'restart' or 'preserve'",
    "domain/devices/disk/@type": "use type='file', type='block' or type='vhostuser'",
    "domain/devices/disk/@device": "use device='disk'",
    "domain/devices/disk/driver/@type": "convert the image: qemu-img convert -O qcow2",
    "domain/devices/disk/target/@dev": "use dev='vda', 'vdb', and so on",
    "domain/devices/disk/target/@bus": "use bus='virtio'",
    "domain/devices/disk/auth": _IMAGE,
    "domain/devices/disk/backingStore": "leave it out: the image itself names what it is based on",
    "domain/devices/disk/encryption": "encrypt inside the guest, or the file system that holds the image",
    "domain/devices/disk/source": _IMAGE,
    "domain/devices/filesystem/@type": "use type='mount'",
    "domain/devices/filesystem/@accessmode": "use accessmode='passthrough'",
    "domain/devices/filesystem/driver": "use <driver type='virtiofs'/>",
    "domain/devices/filesystem/readonly": "mount it read-only inside the guest, or share a read-only mount",
    "domain/devices/filesystem/source": "use <source dir='PATH'/>",
    "domain/devices/graphics": _CONSOLE,
    "domain/devices/video": _CONSOLE,
    "domain/devices/parallel": _CONSOLE,
    "domain/devices/input": _CONSOLE,
    "domain/devices/sound": _NONE,
    "domain/devices/audio": _NONE,
    "domain/devices/tpm": _NONE,
    "domain/devices/smartcard": _NONE,
    "domain/devices/redirdev": _NONE,
    "domain/devices/hub": _NONE,
    "domain/devices/hostdev": "use virtio devices: <disk> and <interface>",
    "domain/devices/shmem": "share files by <filesystem>, or messages by <vsock>",
    "domain/devices/memory": "give all of it in <memory>, and take some back by <currentMemory>",
    "domain/devices/iommu": _NONE,
    "domain/devices/serial/@type": _CHARDEV,
    "domain/devices/console/@type": _CHARDEV,
    "domain/devices/channel/@type": _CHARDEV,
    "domain/devices/channel/target/@type": "use <target type='virtio' name='NAME'/>",
    "domain/devices/serial/address": "leave it out: ports 0 to 3 are at 0x3f8, 0x2f8, 0x3e8 and 0x2e8",
    "domain/devices/serial/target/@type": "use type='isa-serial'",
    "domain/devices/serial/target/model": "use <model name='isa-serial'/>",
    "domain/devices/console/target/@type": "use type='serial' or type='virtio'",
    "domain/devices/controller/@type": "use virtio devices, which need none",
    "domain/devices/controller/@model": "leave it out, and <controller type='usb' model='none'/> for no USB",
    "domain/devices/interface/@type": "use type='network', type='bridge', type='ethernet' or type='user'",
    "domain/devices/interface/source/reconnect": "start the guest again with the back end",
    "domain/devices/interface/model/@type": "use <model type='virtio'/>",
    "domain/devices/rng/@model": _VIRTIO,
    "domain/devices/rng/backend/@model": "use <backend model='random'>/dev/urandom</backend>",
    "domain/devices/memballoon/@model": _VIRTIO,
    "domain/devices/vsock/@model": _VIRTIO,
    "domain/devices/watchdog/@model": "use model='i6300esb'",
    "domain/devices/panic/@model": "use model='isa'",
}


def advice(path: str) -> str | None:
    """The advice for the nearest place around the path that has any."""
    while path:
        if path in _ADVICE:
            return _ADVICE[path]
        path, _, _ = path.rpartition("/")
    return None
