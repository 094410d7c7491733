"""Debian's own kernel packages, unmodified."""
