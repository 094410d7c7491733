"""Disk images of a PC, made from Debian's packages: GRUB in the MBR, an ext4 partition with its files."""
