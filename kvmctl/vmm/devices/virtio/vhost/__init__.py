"""Devices whose virtqueues another process (vhost-user) or the host's kernel (vhost) serves."""
