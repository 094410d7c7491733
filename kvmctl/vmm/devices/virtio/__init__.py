"""Virtio devices (OASIS Virtual I/O Device specification 1.2): transports, the queue, the devices."""
