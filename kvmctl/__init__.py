"""kvmctl: a virtual machine monitor on /dev/kvm and a libvirt driver for it."""

__version__ = "0.1.0"
